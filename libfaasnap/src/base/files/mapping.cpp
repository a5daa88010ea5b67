// SPDX-License-Identifier: Apache-2.0

#include "base/files/mapping.h"

#include <sys/mman.h>

#include <utility>

#include "base/error.h"

namespace faasnap::base {
namespace {

std::byte* map(Bytes size, int protection, int flags, int fd, std::uint64_t offset) {
  void* address = ::mmap(nullptr, size.value, protection, flags, fd, static_cast<off_t>(offset));
  if (address == MAP_FAILED) {
    fail_errno("map memory");
  }
  return static_cast<std::byte*>(address);
}

}  // namespace

void hide(std::span<std::byte> memory) {
  for (const int advice : {MADV_DONTDUMP, MADV_DONTFORK}) {
    if (::madvise(memory.data(), memory.size(), advice) != 0) {
      fail_errno(advice == MADV_DONTDUMP ? "madvise(MADV_DONTDUMP)" : "madvise(MADV_DONTFORK)");
    }
  }
}

Mapping Mapping::anonymous(Bytes size, Exposure exposure) {
  Mapping mapping(
      map(size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0), size);
  if (exposure == Exposure::hidden) {
    hide(mapping.bytes());
  }
  return mapping;
}

Mapping Mapping::shared(Bytes size) {
  return {map(size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0), size};
}

Mapping Mapping::file(const UniqueFd& fd, std::uint64_t offset, Bytes size, int protection,
                      int flags) {
  return {map(size, protection, flags, fd.get(), offset), size};
}

Mapping::Mapping(Mapping&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, {})) {}

Mapping& Mapping::operator=(Mapping&& other) noexcept {
  if (this != &other) {
    reset();
    data_ = std::exchange(other.data_, nullptr);
    size_ = std::exchange(other.size_, {});
  }
  return *this;
}

Mapping::~Mapping() { reset(); }

void Mapping::reset() noexcept {
  if (data_ != nullptr) {
    ::munmap(data_, size_.value);
    data_ = nullptr;
  }
}

}  // namespace faasnap::base
