// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "base/files/file.h"
#include "boot/kernel_image.h"
#include "memory/guest_address.h"
#include "memory/guest_memory.h"

namespace faasnap::boot {

// A kernel's file during loading: opened once, with its size and its first bytes.
class KernelFile {
 public:
  // `file` must outlive the object.
  explicit KernelFile(const base::OpenFile& file);

  std::uint64_t size() const noexcept { return size_; }
  std::span<const std::byte> head() const noexcept { return head_; }
  // Copies `length` bytes from `offset` into guest memory at `address`. Rejects the file if it or
  // guest memory is too short.
  void copy_to(const memory::GuestMemory& memory, memory::GuestAddress address,
               std::uint64_t offset, std::uint64_t length) const;
  // Throws ErrorKind::invalid_argument, naming the file.
  [[noreturn]] void reject(const std::string& reason) const;

 private:
  const base::OpenFile& file_;
  std::uint64_t size_ = 0;
  std::vector<std::byte> head_;
};

// Returns the little-endian integer at `offset` of `data`, which must be long enough.
template <typename Integer>
Integer read_le(std::span<const std::byte> data, std::size_t offset) {
  Integer value = 0;
  std::memcpy(&value, data.subspan(offset, sizeof(value)).data(), sizeof(value));
  return value;
}

// The range of addresses that a kernel may use: from 1 MiB to the end of low memory.
struct KernelRoom {
  std::uint64_t start = 0;
  std::uint64_t end = 0;
};
KernelRoom kernel_room(const memory::GuestMemory& memory);

bool is_bzimage(const KernelFile& file);
LoadedKernel load_bzimage(const memory::GuestMemory& memory, const KernelFile& file);

bool is_elf(const KernelFile& file);
LoadedKernel load_elf(const memory::GuestMemory& memory, const KernelFile& file);

}  // namespace faasnap::boot
