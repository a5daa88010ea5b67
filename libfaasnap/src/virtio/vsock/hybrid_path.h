// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <filesystem>
#include <utility>

#include "base/files/fd.h"

namespace faasnap::virtio {

// The paths of a guest's hybrid sockets (docs/reference/vsock.md): the one that is made for it, and
// `<path>_<port>`, at which other processes listen. Safe from any thread but for take_listener.
class HybridPath {
 public:
  // Makes the socket at `path`, which must not exist, and listens. Only this process's user may
  // connect to it (mode 0600), whatever the umask. Throws ErrorKind::already_exists if `path`
  // exists.
  explicit HybridPath(std::filesystem::path path);
  // Removes the socket's file.
  ~HybridPath();
  HybridPath(const HybridPath&) = delete;
  HybridPath& operator=(const HybridPath&) = delete;

  // Returns the socket that listens, non-blocking, for a HybridSocket. May be called once.
  base::UniqueFd take_listener() noexcept { return std::move(listener_); }
  // Connects to `<path>_<port>`, without waiting. Returns an empty descriptor if no process listens
  // there.
  base::UniqueFd connect(std::uint32_t port) const;

 private:
  std::filesystem::path path_;
  base::UniqueFd listener_;
};

}  // namespace faasnap::virtio
