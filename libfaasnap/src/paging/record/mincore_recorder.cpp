// SPDX-License-Identifier: Apache-2.0

#include "paging/record/mincore_recorder.h"

#include <linux/magic.h>
#include <poll.h>
#include <sys/vfs.h>
#include <time.h>

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/threads/thread.h"
#include "memory/page_set.h"

namespace faasnap::paging {
namespace {

// Pages that are looked at together, and skipped together when their number has not changed.
constexpr std::uint64_t kStretchPages = 1024;

// How many times at least a group in the making is looked at.
constexpr std::uint64_t kLooksPerGroup = 8;

// Time between two looks: while pages come in, and at most while none do.
constexpr Nanoseconds kBusyInterval = std::chrono::microseconds(250);
constexpr Nanoseconds kIdleInterval = std::chrono::milliseconds(4);

const FileRef& checked_file(const FileRef& file, std::uint64_t group_pages) {
  if (group_pages == 0) {
    base::fail(ErrorKind::invalid_argument, "record working set", file.path,
               "groups of 0 pages, expected 1 or more");
  }
  struct statfs status {};
  if (::fstatfs(file.fd->get(), &status) != 0) {
    base::fail_errno("statfs", file.path);
  }
  if (status.f_type == TMPFS_MAGIC || status.f_type == RAMFS_MAGIC) {
    base::fail(ErrorKind::unsupported, "record working set", file.path,
               "the file system keeps its files in memory; a snapshot to record from must be on a "
               "disk file system");
  }
  return file;
}

PageGroup as_runs(std::vector<PageIndex> pages) {
  std::ranges::sort(pages);
  memory::PageSet set;
  for (const PageIndex page : pages) {
    set.append({page, 1});
  }
  return std::move(set).runs();
}

}  // namespace

MincoreRecorder::MincoreRecorder(const FileRef& memory_file, Bytes memory,
                                 std::uint64_t group_pages)
    : file_(checked_file(memory_file, group_pages)),
      memory_(memory),
      group_pages_(group_pages),
      residency_(file_, memory),
      seen_(memory.pages()),
      seen_in_stretch_((memory.pages() + kStretchPages - 1) / kStretchPages) {
  thread_ = base::start_thread("faasnap-record", [this] {
    try {
      watch();
    } catch (...) {
      failure_ = std::current_exception();
    }
  });
}

MincoreRecorder::~MincoreRecorder() { stop(); }

void MincoreRecorder::stop() noexcept {
  if (thread_.joinable()) {
    stop_.signal();
    thread_.join();
  }
}

std::vector<PageGroup> MincoreRecorder::finish() {
  stop();
  if (failure_) {
    std::rethrow_exception(failure_);
  }
  scan(true);
  if (!open_.empty()) {
    groups_.push_back(as_runs(std::move(open_)));
  }
  return std::move(groups_);
}

void MincoreRecorder::watch() {
  // Growth that is looked at closely while more comes in; the rest waits for a pause.
  const std::uint64_t step = std::max<std::uint64_t>(1, group_pages_ / kLooksPerGroup);
  std::uint64_t last = 0;
  std::uint64_t scanned = 0;
  Nanoseconds interval = kBusyInterval;
  for (;;) {
    const std::uint64_t now = resident_pages();
    if (now >= seen_total_ + step || (now == last && now != scanned)) {
      scan(false);
      scanned = now;
    }
    interval = now == last ? std::min(interval * 2, kIdleInterval) : kBusyInterval;
    last = now;
    pollfd stop{.fd = stop_.get(), .events = POLLIN, .revents = 0};
    const timespec timeout{.tv_sec = 0, .tv_nsec = interval.count()};
    if (base::retry_eintr([&] { return ::ppoll(&stop, 1, &timeout, nullptr); }) < 0) {
      base::fail_errno("wait", file_.path);
    }
    if (stop.revents != 0) {
      return;
    }
  }
}

std::uint64_t MincoreRecorder::resident_pages() {
  const auto counted = cached_pages(*file_.fd, Bytes{0}, memory_);
  return counted ? *counted : residency_.count();
}

void MincoreRecorder::scan(bool thorough) {
  for (std::size_t i = 0; i < seen_in_stretch_.size(); ++i) {
    const PageIndex first{i * kStretchPages};
    const PageRange stretch{first, std::min(kStretchPages, memory_.pages() - first.value)};
    const auto cached = cached_pages(*file_.fd, stretch.first.offset(), stretch.size());
    const bool complete = seen_in_stretch_[i] == stretch.count;
    // An equal count may hide one page evicted and another loaded, so the last look ignores it.
    const bool unchanged = !thorough && cached == seen_in_stretch_[i];
    if (!complete && !unchanged && cached != 0) {
      scan_stretch(stretch);
    }
  }
  close_full_groups();
}

void MincoreRecorder::scan_stretch(PageRange pages) {
  const auto resident = residency_.query(pages);
  for (std::uint64_t i = 0; i < pages.count; ++i) {
    const PageIndex page = pages.first + i;
    if ((resident[i] & 1) != 0 && !seen_[page.value]) {
      seen_[page.value] = true;
      ++seen_in_stretch_[page.value / kStretchPages];
      ++seen_total_;
      open_.push_back(page);
    }
  }
}

void MincoreRecorder::close_full_groups() {
  auto rest = open_.begin();
  for (; static_cast<std::uint64_t>(open_.end() - rest) >= group_pages_;
       rest += static_cast<std::ptrdiff_t>(group_pages_)) {
    groups_.push_back(as_runs({rest, rest + static_cast<std::ptrdiff_t>(group_pages_)}));
  }
  open_.erase(open_.begin(), rest);
}

}  // namespace faasnap::paging
