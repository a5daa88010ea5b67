// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>

#include "base/files/fd.h"
#include "base/threads/event_loop.h"

namespace faasnap::virtio {

// The Unix sockets through which other processes reach a guest's vsock ports
// (docs/reference/vsock.md): one that listens at a path, and those on which other processes listen
// at `<path>_<port>`. For the loop's thread only.
class HybridSocket {
 public:
  // Called when a client has asked for `guest_port`; `stream` is its connection, non-blocking.
  using Request = std::function<void(std::uint32_t guest_port, base::UniqueFd stream)>;

  // Maximum number of clients that have connected and not yet named a port; a further one replaces
  // the oldest.
  static constexpr std::size_t kMaximumPending = 64;

  // `path` must not exist; only this process's user may connect to it (mode 0600), whatever the
  // umask. `loop` must outlive the object.
  HybridSocket(base::EventLoop& loop, std::filesystem::path path, Request on_request);
  // Removes the socket's file.
  ~HybridSocket();
  HybridSocket(const HybridSocket&) = delete;
  HybridSocket& operator=(const HybridSocket&) = delete;

  // Connects to `<path>_<port>`. Returns an empty descriptor if no process listens there.
  base::UniqueFd connect_to_host(std::uint32_t host_port) const;

 private:
  void remove_file() const noexcept;
  void accept_clients();
  void add_client(base::UniqueFd client);
  void on_client(std::uint64_t id, std::uint32_t events);

  base::EventLoop& loop_;
  std::filesystem::path path_;
  Request on_request_;
  base::UniqueFd listener_;
  std::uint64_t next_id_ = 0;
  std::map<std::uint64_t, base::UniqueFd> pending_;  // in order of age
  base::Timer retry_;  // runs while a client cannot be accepted for want of a descriptor or memory
};

}  // namespace faasnap::virtio
