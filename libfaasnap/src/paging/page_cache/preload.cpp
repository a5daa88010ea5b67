// SPDX-License-Identifier: Apache-2.0

#include "paging/page_cache/preload.h"

#include <fcntl.h>
#include <sys/mman.h>

#include <algorithm>

#include "base/error.h"
#include "base/files/file.h"
#include "base/files/mapping.h"
#include "paging/page_cache/residency.h"

namespace faasnap::paging {
namespace {

constexpr std::uint64_t kStepPages = 4096;

// Starts the reads of a stretch without waiting for them.
void start_reading(const FileRef& file, PageRange pages) {
  const int error_number =
      ::posix_fadvise(file.fd->get(), static_cast<off_t>(pages.first.offset().value),
                      static_cast<off_t>(pages.size().value), POSIX_FADV_WILLNEED);
  if (error_number != 0) {
    base::fail_errno("fadvise(WILLNEED)", file.path, error_number);
  }
}

// Waits until the stretch is there.
void finish_reading(const FileRef& file, const base::Mapping& view, PageRange pages) {
  const int result = base::retry_eintr([&] {
    return ::madvise(view.data() + pages.first.offset().value, pages.size().value,
                     MADV_POPULATE_READ);
  });
  if (result != 0) {
    base::fail_errno("read into the page cache", file.path);
  }
}

// Returns how many pages have to be read; all where the kernel does not tell.
std::uint64_t absent_pages(const FileRef& file, Bytes size) {
  try {
    return size.pages() - FileResidency(file, size).count();
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::permission) {
      throw;
    }
    return size.pages();
  }
}

}  // namespace

Bytes preload(const FileRef& file, Bytes size) {
  if (base::file_size(*file.fd, file.path) < size) {
    base::fail(ErrorKind::corrupt, "read into the page cache", file.path,
               "the file is shorter than guest memory");
  }
  const std::uint64_t absent = absent_pages(file, size);
  if (absent == 0) {
    return {};
  }
  const base::Mapping view = base::Mapping::file(*file.fd, 0, size, PROT_READ, MAP_SHARED);
  for (std::uint64_t first = 0; first < size.pages(); first += kStepPages) {
    const std::uint64_t next = first + kStepPages;
    if (next < size.pages()) {
      start_reading(file, {PageIndex{next}, std::min(kStepPages, size.pages() - next)});
    }
    finish_reading(file, view, {PageIndex{first}, std::min(kStepPages, size.pages() - first)});
  }
  return {absent * kPageSize};
}

}  // namespace faasnap::paging
