// SPDX-License-Identifier: Apache-2.0

#include "memory/page_copier.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>

#include "base/error.h"

namespace faasnap::memory {
namespace {

constexpr const char* kCopying = "copy guest memory";
constexpr Bytes kBuffer{PageCopier::kMaximumPages * kPageSize};

base::UniqueFd make_buffer() {
  base::UniqueFd buffer(::memfd_create("faasnap-page-copier", MFD_CLOEXEC));
  if (!buffer || ::ftruncate(buffer.get(), static_cast<off_t>(kBuffer.value)) != 0) {
    base::fail_errno(kCopying);
  }
  return buffer;
}

}  // namespace

PageCopier::PageCopier(std::span<const std::byte> host)
    : host_(host),
      buffer_(make_buffer()),
      mapped_(base::Mapping::file(buffer_, 0, kBuffer, PROT_READ, MAP_SHARED)) {}

std::optional<std::span<const std::byte>> PageCopier::copy(PageRange pages) {
  const auto source = host_.subspan(pages.first.offset().value, pages.size().value);
  for (std::size_t done = 0; done < source.size();) {
    const ssize_t put = base::retry_eintr([&] {
      return ::pwrite(buffer_.get(), source.data() + done, source.size() - done,
                      static_cast<off_t>(done));
    });
    if (put < 0 && errno == EFAULT) {
      return std::nullopt;
    }
    if (put < 0) {
      base::fail_errno(kCopying);
    }
    done += static_cast<std::size_t>(put);
  }
  return mapped_.bytes().first(source.size());
}

}  // namespace faasnap::memory
