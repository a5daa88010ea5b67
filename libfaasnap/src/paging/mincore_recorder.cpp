#include "paging/mincore_recorder.h"

#include <linux/magic.h>
#include <poll.h>
#include <sys/vfs.h>
#include <time.h>

#include <algorithm>

#include "base/error.h"
#include "base/thread.h"

namespace faasnap::paging {
namespace {

// Pages that are looked at together, and skipped together when their number has not changed.
constexpr std::uint64_t kStretchPages = 1024;

// Time between two looks: while pages come in, and at most while none do.
constexpr Nanoseconds kBusyInterval = std::chrono::microseconds(250);
constexpr Nanoseconds kIdleInterval = std::chrono::milliseconds(4);

const FileRef& checked_file(const FileRef& file, std::uint64_t group_pages) {
  if (group_pages == 0) {
    base::fail(ErrorKind::invalid_argument, "record working set", file.path,
               "groups of 0 pages are asked for, expected 1 or more");
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

void append(WorkingSet::Group& group, PageIndex page) {
  if (!group.empty() && group.back().end() == page) {
    ++group.back().count;
  } else {
    group.push_back({page, 1});
  }
}

}  // namespace

MincoreRecorder::MincoreRecorder(const FileRef& memory_file, Bytes memory,
                                 std::uint64_t group_pages)
    : file_(checked_file(memory_file, group_pages)),
      memory_(memory),
      group_pages_(group_pages),
      residency_(file_, memory),
      recorded_((memory.pages() + kStretchPages - 1) / kStretchPages),
      seen_(memory.pages()) {
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

std::vector<WorkingSet::Group> MincoreRecorder::finish() {
  stop();
  if (failure_) {
    std::rethrow_exception(failure_);
  }
  scan();
  return std::move(groups_);
}

void MincoreRecorder::watch() {
  std::uint64_t last = 0;
  Nanoseconds interval = kBusyInterval;
  for (;;) {
    const std::uint64_t now = resident_pages();
    if (now >= recorded_total_ + group_pages_) {
      scan();
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

void MincoreRecorder::scan() {
  WorkingSet::Group group;
  for (std::size_t i = 0; i < recorded_.size(); ++i) {
    const PageIndex first{i * kStretchPages};
    const PageRange stretch{first, std::min(kStretchPages, memory_.pages() - first.value)};
    const auto counted = cached_pages(*file_.fd, stretch.first.offset(), stretch.size());
    const bool unchanged = recorded_[i] == stretch.count || counted == recorded_[i];
    if (!unchanged) {
      scan_stretch(stretch, group);
    }
  }
  if (!group.empty()) {
    groups_.push_back(std::move(group));
  }
}

void MincoreRecorder::scan_stretch(PageRange pages, WorkingSet::Group& group) {
  const auto resident = residency_.query(pages);
  for (std::uint64_t i = 0; i < pages.count; ++i) {
    const PageIndex page = pages.first + i;
    if ((resident[i] & 1) != 0 && !seen_[page.value]) {
      seen_[page.value] = true;
      append(group, page);
      ++recorded_[page.value / kStretchPages];
      ++recorded_total_;
    }
  }
}

}  // namespace faasnap::paging
