// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>
#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <random>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include <faasnap/units.h>

#include "base/error.h"
#include "base/files/file.h"
#include "format/page_set_file.h"
#include "paging/page_cache/residency.h"
#include "paging/snapshot_files.h"
#include "support/support.h"

namespace faasnap::test {

// A file of pages that differ from each other and from those of files with another salt.
class PageFile {
 public:
  PageFile(const std::filesystem::path& path, Bytes size, std::uint32_t salt)
      : salt_(salt), path_(path), fd_(base::open_file(path, O_RDWR | O_CREAT | O_EXCL)) {
    if (::ftruncate(fd_.get(), static_cast<off_t>(size.value)) != 0) {
      base::fail_errno("truncate", path);
    }
  }

  std::vector<std::byte> content(PageIndex page) const {
    std::vector<std::byte> bytes(kPageSize);
    std::mt19937_64 random(page.value * 4 + salt_);
    for (std::size_t i = 0; i < kPageSize; i += sizeof(std::uint64_t)) {
      // Half of a page is the same in all, so that a compressed one is shorter.
      const std::uint64_t word = i / 512 % 2 == 0 ? random() | 1 : ~std::uint64_t{i};
      std::memcpy(&bytes[i], &word, sizeof(word));
    }
    return bytes;
  }
  // Gives the pages at `offset` the content of the guest's `pages`.
  void write(PageRange pages, Bytes offset) const {
    for (std::uint64_t i = 0; i < pages.count; ++i) {
      base::write_exact(fd_, content(pages.first + i), offset.value + i * kPageSize, path_);
    }
  }
  void write(PageRange pages) const { write(pages, pages.first.offset()); }

  paging::FileRef ref() const { return {&fd_, path_}; }
  const base::UniqueFd& fd() const noexcept { return fd_; }
  Bytes size() const { return base::file_size(fd_, path_); }

  std::uint64_t resident() const { return paging::FileResidency(ref(), size()).count(); }
  // Drops the file from the page cache. Skips the test if that has no effect.
  void make_cold() const {
    struct statfs status {};
    if (::fstatfs(fd_.get(), &status) != 0 || ::fsync(fd_.get()) != 0) {
      base::fail_errno("sync", path_);
    }
    if (status.f_type == TMPFS_MAGIC || status.f_type == RAMFS_MAGIC ||
        status.f_type == OVERLAYFS_SUPER_MAGIC) {
      SKIP("the temporary directory is on a file system that cannot drop its pages");
    }
    // The kernel keeps a page that another processor is using.
    for (int attempt = 0; attempt < 100 && (attempt == 0 || resident() != 0); ++attempt) {
      std::this_thread::sleep_for(std::chrono::milliseconds(attempt));
      ::posix_fadvise(fd_.get(), 0, 0, POSIX_FADV_DONTNEED);
    }
    REQUIRE(resident() == 0);
  }

 private:
  std::uint32_t salt_;
  std::filesystem::path path_;
  base::UniqueFd fd_;
};

// Returns how many of these pages of a file are in the page cache.
inline std::uint64_t resident_in(paging::FileResidency& residency, PageRange pages) {
  return static_cast<std::uint64_t>(std::ranges::count_if(
      residency.query(pages), [](unsigned char page) { return (page & 1) != 0; }));
}

// True if `resident` pages can be the rest of `expected` ones: the kernel may drop a clean page
// that is not mapped at any time.
inline bool nearly_all(std::uint64_t resident, std::uint64_t expected) {
  return resident * 100 >= expected * 98;
}

// Returns sorted, disjoint, non-adjacent runs inside `pages` pages, which cover about `density` of
// them.
inline std::vector<PageRange> random_runs(std::mt19937& random, std::uint64_t pages, double density,
                                          unsigned longest) {
  std::vector<PageRange> runs;
  std::uniform_int_distribution<std::uint64_t> length(1, longest);
  const double mean_gap = std::max(1.0, (longest + 1) / 2.0 * (1 - density) / density);
  std::uniform_int_distribution<std::uint64_t> gap(
      1, std::max<std::uint64_t>(1, static_cast<std::uint64_t>(2 * mean_gap) - 1));
  for (std::uint64_t page = gap(random) - 1; page < pages;) {
    const std::uint64_t count = std::min(length(random), pages - page);
    runs.push_back({PageIndex{page}, count});
    page += count + gap(random);
  }
  return runs;
}

inline std::vector<bool> as_bits(std::span<const PageRange> ranges, std::uint64_t pages) {
  std::vector<bool> bits(pages);
  for (const PageRange& range : ranges) {
    for (PageIndex page = range.first; page < range.end(); page = page + 1) {
      bits[page.value] = true;
    }
  }
  return bits;
}

// Gives planned regions their places in a loading-set file whose data begins at `data`.
inline std::vector<format::StoredPageRun> lay_out(std::span<const format::PageRun> planned,
                                                  Bytes data) {
  std::vector<format::StoredPageRun> regions;
  for (const format::PageRun& region : planned) {
    regions.push_back({region.guest, data, region.lowest_group, 0});
    data += region.guest.size();
  }
  return regions;
}

}  // namespace faasnap::test
