// SPDX-License-Identifier: Apache-2.0

#include "paging/page_cache/preload.h"

#include <fcntl.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "base/error.h"
#include "base/files/file.h"
#include "base/files/mapping.h"
#include "memory/page_set.h"
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
std::uint64_t absent_pages(const FileRef& file, Bytes size, std::span<const PageRange> pages) {
  std::uint64_t absent = memory::count_pages(pages);
  try {
    FileResidency residency(file, size);
    for (const PageRange& run : pages) {
      for (const unsigned char state : residency.query(run)) {
        absent -= state & 1;
      }
    }
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::permission) {
      throw;
    }
  }
  return absent;
}

// Cuts runs into stretches that are read at once.
std::vector<PageRange> stretches_of(std::span<const PageRange> pages) {
  std::vector<PageRange> stretches;
  for (PageRange rest : pages) {
    while (rest.count != 0) {
      const std::uint64_t count = std::min(kStepPages, rest.count);
      stretches.push_back({rest.first, count});
      rest = {rest.first + count, rest.count - count};
    }
  }
  return stretches;
}

}  // namespace

Bytes preload(const FileRef& file, std::span<const PageRange> pages) {
  if (pages.empty()) {
    return {};
  }
  const Bytes size = pages.back().end().offset();
  if (base::file_size(*file.fd, file.path) < size) {
    base::fail(ErrorKind::corrupt, "read into the page cache", file.path,
               "the file is shorter than guest memory");
  }
  const std::uint64_t absent = absent_pages(file, size, pages);
  if (absent == 0) {
    return {};
  }
  const base::Mapping view = base::Mapping::file(*file.fd, 0, size, PROT_READ, MAP_SHARED);
  const auto stretches = stretches_of(pages);
  for (std::size_t i = 0; i < stretches.size(); ++i) {
    if (i + 1 < stretches.size()) {
      start_reading(file, stretches[i + 1]);
    }
    finish_reading(file, view, stretches[i]);
  }
  return {absent * kPageSize};
}

Bytes preload(const RestorePlan& plan, const SnapshotFiles& files) {
  Bytes read;
  for (std::uint32_t layer = 0; layer <= files.bases.size(); ++layer) {
    std::vector<PageRange> pages;
    for (const PlannedMapping& mapping : plan.mappings) {
      if (mapping.backing == Backing::memory_file && mapping.layer == layer) {
        pages.push_back(mapping.guest);
      }
    }
    read += preload(*files.of(Backing::memory_file, layer), pages);
  }
  return read;
}

}  // namespace faasnap::paging
