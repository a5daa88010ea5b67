// SPDX-License-Identifier: Apache-2.0

#include "harness/page_cache.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <vector>

#include "tools/descriptor.h"

namespace faasnap::bench {
namespace {

constexpr std::uint64_t kPage = 4096;

[[noreturn]] void fail(const char* operation, const std::filesystem::path& file, int error) {
  throw std::system_error(error, std::generic_category(),
                          std::string(operation) + " " + file.string());
}

std::uint64_t pages_in_cache(const tools::Descriptor& fd, const std::filesystem::path& file) {
  const std::uint64_t size = std::filesystem::file_size(file);
  void* view = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, fd.get(), 0);
  if (view == MAP_FAILED) {
    fail("mmap", file, errno);
  }
  std::vector<unsigned char> resident((size + kPage - 1) / kPage);
  const int failed = ::mincore(view, size, resident.data()) != 0 ? errno : 0;
  ::munmap(view, size);
  if (failed != 0) {
    fail("mincore", file, failed);
  }
  return static_cast<std::uint64_t>(
      std::count_if(resident.begin(), resident.end(), [](unsigned char page) { return page & 1; }));
}

}  // namespace

std::uint64_t drop_from_cache(const std::filesystem::path& file) {
  const tools::Descriptor fd = tools::open_file(file, O_RDONLY);
  if (::fsync(fd.get()) != 0) {
    fail("fsync", file, errno);
  }
  if (const int error = ::posix_fadvise(fd.get(), 0, 0, POSIX_FADV_DONTNEED); error != 0) {
    fail("posix_fadvise", file, error);
  }
  return pages_in_cache(fd, file);
}

}  // namespace faasnap::bench
