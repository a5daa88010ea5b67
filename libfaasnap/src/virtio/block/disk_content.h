// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <vector>

#include <faasnap/units.h>

#include "base/files/fd.h"

namespace faasnap::virtio {

inline constexpr std::uint64_t kSectorSize = 512;
// Maximum size of a disk.
inline constexpr Bytes kMaximumDisk{1ULL << 40};

// An open file, and where in it a disk begins. The path is for messages.
struct DiskFile {
  base::UniqueFd fd{};
  std::filesystem::path path{};
  std::uint64_t begin = 0;
};

// What a disk is made of. A file that ends before the disk does gives I/O errors there.
struct DiskFiles {
  // What the disk writes to, open for writing then, and what it reads.
  DiskFile file{};
  // Open: what it reads of the sectors that it has not written; other disks may read it, too, and
  // none writes to it.
  DiskFile below{};
  Bytes size{};
  bool read_only = true;
  // True: a flush waits until the file is on its disk. False: the file ends with the VM, so a flush
  // has nothing to do.
  bool durable = false;
};

// The content of a disk, a sector at a time: in one file, or in a private file upon one that disks
// share, where a map says which sectors are private. The map takes memory as sectors are written, a
// bit for each, in pieces for 16 MiB of the disk. For one thread at a time.
class DiskContent {
 public:
  // Throws ErrorKind::invalid_argument unless the size is a multiple of the sector size, and at
  // most kMaximumDisk.
  explicit DiskContent(DiskFiles files);
  // The whole file, which must be open for reading, as a disk that nobody writes.
  static DiskContent of_image(base::UniqueFd fd, const std::filesystem::path& path);

  std::uint64_t sectors() const noexcept { return files_.size.value / kSectorSize; }
  Bytes size() const noexcept { return files_.size; }
  bool read_only() const noexcept { return files_.read_only; }
  bool durable() const noexcept { return files_.durable; }

  // Bytes that lie one behind the other in one file.
  struct Run {
    const base::UniqueFd* fd = nullptr;
    std::uint64_t offset = 0;
    std::uint64_t length = 0;
  };
  // Returns where the bytes from `at` are read from, up to `length` of them. `at` is in the disk.
  Run run_at(std::uint64_t at, std::uint64_t length) const noexcept;
  // Returns the file that is written, and where in it the disk's byte `at` is.
  const base::UniqueFd& file() const noexcept { return files_.file.fd; }
  std::uint64_t offset_in_file(std::uint64_t at) const noexcept { return files_.file.begin + at; }
  // Notes that these sectors of the file are the disk's from now on.
  void set_written(std::uint64_t sector, std::uint64_t count);

  // Returns the pages of the disk that may hold anything but zeros, sorted and merged. Throws if a
  // file cannot be asked.
  std::vector<PageRange> data_pages() const;
  // Fills `out` with the bytes from `at`, and with zeros beyond the disk's end. Throws
  // ErrorKind::corrupt if a file is too short.
  void read(std::uint64_t at, std::span<std::byte> out) const;

 private:
  // The bits of 16 MiB of the disk.
  static constexpr std::uint64_t kLeafSectors = 1 << 15;
  using Leaf = std::array<std::uint64_t, kLeafSectors / 64>;

  bool is_written(std::uint64_t sector) const noexcept;

  DiskFiles files_;
  // Empty if there is no file below; null where no sector is written.
  std::vector<std::unique_ptr<Leaf>> written_;
};

}  // namespace faasnap::virtio
