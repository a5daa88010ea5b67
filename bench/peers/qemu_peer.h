// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace faasnap::bench {

// The parts of a guest, the same for both monitors.
struct GuestParts {
  std::filesystem::path images;  // holds vmlinux, initramfs and rootfs.img
  unsigned vcpus = 2;
  std::uint64_t memory = 0;  // bytes
};

// How QEMU restores the guest's memory.
enum class QemuMemory {
  stream,  // read whole from the migration stream, QEMU's default
  mapped,  // a file mapped privately (migration capability x-ignore-shared), as VM templates do
};

const char* to_string(QemuMemory memory) noexcept;

// True if there is a qemu-system-x86_64 in PATH.
bool has_qemu();

// QEMU's microvm machine under KVM: saved to a file while its guest waits for requests, and
// restored from it any number of times. One at a time; for one thread.
class QemuPeer {
 public:
  // Boots the guest, waits until its agent listens, saves it, and ends it. Creates `directory` for
  // the files. Throws std::runtime_error and std::system_error.
  QemuPeer(GuestParts guest, QemuMemory memory, std::filesystem::path directory);

  // Times until QEMU reports that it starts the virtual CPUs (the time stamp of its event RESUME),
  // which is not later than the guest's first instruction.
  struct Restored {
    std::chrono::microseconds from_start{};    // from the start of the process
    std::chrono::microseconds from_command{};  // from migrate-incoming, sent to a waiting process
  };
  // Restores the guest, checks that it runs, and ends it.
  Restored restore();

  // Returns the files that a restore reads.
  std::vector<std::filesystem::path> files() const;

 private:
  std::vector<std::string> arguments(bool incoming) const;
  void save();

  GuestParts guest_;
  QemuMemory memory_;
  std::filesystem::path directory_;
};

}  // namespace faasnap::bench
