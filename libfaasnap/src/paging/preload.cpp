#include "paging/preload.h"

#include <fcntl.h>
#include <sys/mman.h>

#include <algorithm>

#include "base/error.h"
#include "base/file.h"
#include "base/mapping.h"
#include "paging/residency.h"

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

std::uint64_t missing(FileResidency& residency, PageRange pages) {
  const auto answer = residency.query(pages);
  return static_cast<std::uint64_t>(
      std::count_if(answer.begin(), answer.end(), [](unsigned char c) { return (c & 1) == 0; }));
}

}  // namespace

Bytes preload(const FileRef& file, Bytes size) {
  if (base::file_size(*file.fd, file.path) < size) {
    base::fail(ErrorKind::corrupt, "read into the page cache", file.path,
               "the file is shorter than guest memory");
  }
  FileResidency residency(file, size);
  const base::Mapping view = base::Mapping::file(*file.fd, 0, size, PROT_READ, MAP_SHARED);
  const auto step = [&](std::uint64_t first) {
    return PageRange{PageIndex{first}, std::min(kStepPages, size.pages() - first)};
  };
  std::uint64_t loaded = 0;
  for (std::uint64_t first = 0; first < size.pages(); first += kStepPages) {
    const std::uint64_t absent = missing(residency, step(first));
    if (absent == 0) {
      continue;
    }
    if (const std::uint64_t next = first + kStepPages; next < size.pages()) {
      start_reading(file, step(next));
    }
    finish_reading(file, view, step(first));
    loaded += absent;
  }
  return {loaded * kPageSize};
}

}  // namespace faasnap::paging
