// SPDX-License-Identifier: Apache-2.0

#include "paging/page_cache/residency.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#include "base/error.h"

namespace faasnap::paging {
namespace {

// Mirrors the kernel's rule for mincore(2): to anybody else it calls every page resident.
void check_permission(const FileRef& file) {
  struct stat status {};
  if (::fstat(file.fd->get(), &status) != 0) {
    base::fail_errno("stat", file.path);
  }
  const std::string self = fmt::format("/proc/self/fd/{}", file.fd->get());
  if (status.st_uid != ::geteuid() && ::faccessat(AT_FDCWD, self.c_str(), W_OK, AT_EACCESS) != 0) {
    base::fail(ErrorKind::permission, "query page cache", file.path,
               "only the owner of a file, or who may write to it, is told which pages are cached");
  }
}

// The arguments of cachestat(2), which older C libraries and kernel headers do not know.
struct CachestatRange {
  std::uint64_t offset;
  std::uint64_t length;
};
struct Cachestat {
  std::uint64_t cached;
  std::uint64_t dirty;
  std::uint64_t under_writeback;
  std::uint64_t evicted;
  std::uint64_t recently_evicted;
};
constexpr long kCachestatNumber = 451;

// Pages that count() asks for at a time.
constexpr std::uint64_t kCountStep = 1 << 16;

}  // namespace

FileResidency::FileResidency(const FileRef& file, Bytes size) {
  check_permission(file);
  if (size.value != 0) {
    mapping_ = base::Mapping::file(*file.fd, 0, size, PROT_NONE, MAP_SHARED);
  }
}

std::span<const unsigned char> FileResidency::query(PageRange range) {
  if (range.count > pages() || range.first.value > pages() - range.count) {
    base::fail(ErrorKind::invalid_argument, "query page cache", {},
               fmt::format("{} pages from page {} are asked for, of {}", range.count,
                           range.first.value, pages()));
  }
  answer_.resize(std::max<std::size_t>(answer_.size(), range.count));
  if (range.count != 0 && ::mincore(mapping_.data() + range.first.offset().value,
                                    range.size().value, answer_.data()) != 0) {
    base::fail_errno("query page cache (mincore)");
  }
  return std::span(answer_).first(range.count);
}

std::uint64_t FileResidency::count() {
  std::uint64_t resident = 0;
  for (std::uint64_t first = 0; first < pages(); first += kCountStep) {
    const auto answer = query({PageIndex{first}, std::min(kCountStep, pages() - first)});
    resident += static_cast<std::uint64_t>(
        std::count_if(answer.begin(), answer.end(), [](unsigned char c) { return (c & 1) != 0; }));
  }
  return resident;
}

std::optional<std::uint64_t> cached_pages(const base::UniqueFd& file, Bytes offset, Bytes size) {
  CachestatRange range{offset.value, size.value};
  Cachestat answer{};
  if (::syscall(kCachestatNumber, file.get(), &range, &answer, 0U) != 0) {
    return std::nullopt;
  }
  return answer.cached;
}

}  // namespace faasnap::paging
