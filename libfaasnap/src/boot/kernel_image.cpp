// SPDX-License-Identifier: Apache-2.0

#include "boot/kernel_image.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/files/file.h"
#include "boot/kernel_file.h"
#include "boot/layout.h"

namespace faasnap::boot {
namespace {

constexpr std::uint64_t kHeadSize = 4096;

}  // namespace

KernelFile::KernelFile(const base::OpenFile& file)
    : file_(file),
      size_(base::file_size(file.fd, file.path).value),
      head_(std::min(size_, kHeadSize)) {
  base::read_exact(file_.fd, head_, 0, file_.path);
}

void KernelFile::copy_to(const memory::GuestMemory& memory, memory::GuestAddress address,
                         std::uint64_t offset, std::uint64_t length) const {
  if (offset > size_ || length > size_ - offset) {
    reject(fmt::format("file ends at {} bytes, expected {} bytes from {}", size_, length, offset));
  }
  const auto target = memory.view(address, length);
  if (!target) {
    reject(fmt::format("needs {} bytes at guest address {:#x}, which is not memory", length,
                       address.value));
  }
  base::read_exact(file_.fd, *target, offset, file_.path);
}

void KernelFile::reject(const std::string& reason) const {
  base::fail(ErrorKind::invalid_argument, "load a kernel", file_.path, reason);
}

KernelRoom kernel_room(const memory::GuestMemory& memory) {
  return {kHighMemory.value, memory.regions().front().size.value};
}

LoadedKernel load_kernel(const memory::GuestMemory& memory, const base::OpenFile& opened) {
  const KernelFile file(opened);
  if (is_elf(file)) {
    return load_elf(memory, file);
  }
  if (is_bzimage(file)) {
    return load_bzimage(memory, file);
  }
  file.reject("neither a bzImage nor an ELF file; expected an x86-64 Linux kernel");
}

}  // namespace faasnap::boot
