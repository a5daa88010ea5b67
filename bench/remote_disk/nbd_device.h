// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <filesystem>
#include <thread>

#include "tools/descriptor.h"

namespace faasnap::bench {

// A block device of this machine whose blocks come from a server at the other end of a socket:
// Linux's NBD client (Documentation/admin-guide/blockdev/nbd.rst). Needs root and the driver nbd,
// which it loads.
class NbdDevice {
 public:
  // Takes an unused device. Throws std::runtime_error and std::system_error.
  NbdDevice(tools::Descriptor socket, std::uint64_t size);
  // Removes the device. A file system on it must have been unmounted.
  ~NbdDevice();
  NbdDevice(const NbdDevice&) = delete;
  NbdDevice& operator=(const NbdDevice&) = delete;

  // "/dev/nbd0"
  const std::filesystem::path& path() const noexcept { return path_; }

 private:
  void await_size(std::uint64_t size);
  void detach() noexcept;

  std::filesystem::path path_;
  tools::Descriptor socket_;
  tools::Descriptor device_;
  // Runs inside the driver as long as the device exists.
  std::thread serving_;
};

}  // namespace faasnap::bench
