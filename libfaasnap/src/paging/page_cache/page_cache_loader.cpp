// SPDX-License-Identifier: Apache-2.0

#include "paging/page_cache/page_cache_loader.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <utility>

#include "base/clock.h"
#include "base/error.h"
#include "base/threads/thread.h"

namespace faasnap::paging {
namespace {

// Zero pages that are allocated between two looks at what the disk has brought.
constexpr std::uint64_t kZeroPages = 64;

constexpr unsigned kMaximumDepth = 256;
constexpr Bytes kMaximumPiece{16ULL << 20};

const PageCacheTuning& checked(const PageCacheTuning& tuning) {
  for (const unsigned depth : {tuning.depth, tuning.blocks}) {
    if (depth == 0 || depth > kMaximumDepth) {
      base::fail(ErrorKind::invalid_argument, "prefetch", {},
                 fmt::format("depth {}, expected 1 to {}", depth, kMaximumDepth));
    }
  }
  if (tuning.piece.value == 0 || tuning.piece.value % kPageSize != 0 ||
      tuning.piece > kMaximumPiece) {
    base::fail(ErrorKind::invalid_argument, "prefetch", {},
               fmt::format("pieces of {} bytes, expected a multiple of {} up to {}",
                           tuning.piece.value, kPageSize, kMaximumPiece.value));
  }
  return tuning;
}

bool reads_loading_set(const ReadIntoPageCache& load) {
  return !load.reads.empty() && load.reads.front().file == Backing::loading_set;
}

// Returns all of the loading set that is read; empty if another file is read, or none.
BlockMapping map_loading_set(const ReadIntoPageCache& load, const SnapshotFiles& files) {
  if (!reads_loading_set(load) || files.loading_set.fd == nullptr) {
    return {};
  }
  Bytes end;
  for (const PlannedRead& read : load.reads) {
    end = std::max(end, read.file_offset + read.guest.size());
  }
  return {files.loading_set, end};
}

}  // namespace

PageCacheLoader::PageCacheLoader(const ReadIntoPageCache& load, const SnapshotFiles& files,
                                 std::byte* guest_memory, const PageCacheTuning& tuning,
                                 LoaderCallbacks callbacks)
    : files_(files),
      guest_memory_(guest_memory),
      tuning_(checked(tuning)),
      callbacks_(std::move(callbacks)),
      pieces_(cut_reads(load.reads, reads_loading_set(load) ? kBlock : tuning.piece)),
      entries_(load.entries),
      zero_runs_(load.zero_pages),
      loading_set_(map_loading_set(load, files)),
      finished_pieces_(pieces_.size()),
      reads_(loading_set_ ? tuning.blocks : tuning.depth),
      piece_in_slot_(loading_set_ ? tuning.blocks : tuning.depth) {
  for (const ReadPiece& piece : pieces_) {
    if (const FileRef& file = file_of(piece); file.fd == nullptr || !*file.fd) {
      base::fail(ErrorKind::invalid_argument, "prefetch", file.path,
                 "the plan reads a file that the snapshot lacks");
    }
  }
  thread_ = base::start_thread("faasnap-fetch", [this] { run(); });
}

PageCacheLoader::~PageCacheLoader() {
  cancel();
  thread_.join();
}

void PageCacheLoader::read() {
  const std::lock_guard lock(mutex_);
  reading_ = true;
  changed_.notify_all();
}

void PageCacheLoader::start() {
  const std::lock_guard lock(mutex_);
  reading_ = true;
  started_ = true;
  changed_.notify_all();
}

void PageCacheLoader::wait_until_reading() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return reading_ || cancelled_; });
}

void PageCacheLoader::wait_until_started() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return started_ || cancelled_; });
}

void PageCacheLoader::wait() const {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return stats_.finished; });
  if (failure_) {
    std::rethrow_exception(failure_);
  }
}

void PageCacheLoader::cancel() noexcept {
  const std::lock_guard lock(mutex_);
  cancelled_ = true;
  changed_.notify_all();
}

PrefetchStats PageCacheLoader::stats() const {
  const std::lock_guard lock(mutex_);
  PrefetchStats stats = stats_;
  stats.io_uring = reads_.io_uring();
  return stats;
}

bool PageCacheLoader::started() const {
  const std::lock_guard lock(mutex_);
  return started_;
}

bool PageCacheLoader::cancelled() const {
  const std::lock_guard lock(mutex_);
  return cancelled_;
}

const FileRef& PageCacheLoader::file_of(const ReadPiece& piece) const {
  return *files_.of(piece.file, piece.layer);
}

void PageCacheLoader::run() noexcept {
  wait_until_reading();
  const Nanoseconds begun = base::monotonic_now();
  std::exception_ptr failure;
  try {
    load();
  } catch (...) {
    failure = std::current_exception();
  }
  reads_.close();  // waits for what a failure has left under way
  loading_set_ = {};
  if (failure && !cancelled() && callbacks_.failed) {
    callbacks_.failed(failure);
  }
  const std::lock_guard lock(mutex_);
  failure_ = failure;
  stats_.duration = base::monotonic_now() - begun;
  stats_.finished = true;
  changed_.notify_all();
}

void PageCacheLoader::load() {
  start_reads();
  while (reads_.under_way() != 0) {
    const bool busy = started() && allocate_zero_pages();
    reads_.submit_and_wait(busy ? 0 : 1);
    reads_.take_ended([this](unsigned slot) { finish(piece_in_slot_[slot]); });
    start_reads();  // the disk works on while this thread enters pages
    if (started()) {
      enter_finished();
    }
  }
  wait_until_started();
  enter_finished();
  while (allocate_zero_pages()) {
  }
  if (next_piece_ < pieces_.size() || next_zero_run_ < zero_runs_.size()) {
    base::fail(ErrorKind::cancelled, "prefetch", {}, "stopped before everything was loaded");
  }
}

void PageCacheLoader::start_reads() {
  while (next_piece_ < pieces_.size() && !cancelled()) {
    const auto slot = reads_.free_slot();
    if (!slot) {
      break;
    }
    const ReadPiece& piece = pieces_[next_piece_];
    reads_.read_into_page_cache(
        *slot, file_of(piece), piece.offset, piece.length,
        loading_set_ ? loading_set_.at(piece.offset, piece.length) : std::span<std::byte>());
    piece_in_slot_[*slot] = next_piece_++;
  }
  reads_.submit();
}

void PageCacheLoader::finish(std::size_t piece) {
  finished_pieces_[piece] = true;
  const std::uint64_t pages = pieces_[piece].pages();
  const std::lock_guard lock(mutex_);
  ++stats_.reads;
  stats_.pages += pages;
  stats_.bytes += Bytes{pages * kPageSize};
  stats_.read += pieces_[piece].length;
}

// Enters what has come, in order.
void PageCacheLoader::enter_finished() {
  while (next_to_enter_ < pieces_.size() && finished_pieces_[next_to_enter_] && !cancelled()) {
    if (guest_memory_ != nullptr && tuning_.populate) {
      for (const PageRange& pages : pieces_[next_to_enter_].guest) {
        enter_planned(pages);
      }
    }
    ++next_to_enter_;
  }
}

void PageCacheLoader::enter_planned(PageRange pages) const {
  if (entries_.empty()) {
    enter(pages, MADV_POPULATE_READ);
    return;
  }
  const auto end = [](const PlannedEntry& entry) { return entry.guest.end(); };
  auto entry = std::ranges::upper_bound(entries_, pages.first, {}, end);
  for (; entry != entries_.end() && entry->guest.first < pages.end(); ++entry) {
    const PageIndex first = std::max(entry->guest.first, pages.first);
    const PageIndex last = std::min(entry->guest.end(), pages.end());
    enter({first, last - first}, entry->copied ? MADV_POPULATE_WRITE : MADV_POPULATE_READ);
  }
}

// Allocates the next few zero pages; returns false when none are left.
bool PageCacheLoader::allocate_zero_pages() {
  std::uint64_t pages = 0;
  while (next_zero_run_ < zero_runs_.size() && pages < kZeroPages && !cancelled()) {
    const PageRange run = zero_runs_[next_zero_run_++];
    if (guest_memory_ != nullptr) {
      enter(run, MADV_POPULATE_WRITE);
      pages += run.count;
    }
  }
  const std::lock_guard lock(mutex_);
  stats_.zero_pages += pages;
  return pages != 0;
}

void PageCacheLoader::enter(PageRange pages, int advice) const {
  std::byte* target = guest_memory_ + pages.first.offset().value;
  const int result =
      base::retry_eintr([&] { return ::madvise(target, pages.size().value, advice); });
  if (result != 0) {
    base::fail_errno(advice == MADV_POPULATE_READ ? "madvise(MADV_POPULATE_READ) guest memory"
                                                  : "madvise(MADV_POPULATE_WRITE) guest memory");
  }
  callbacks_.entered(pages);
}

}  // namespace faasnap::paging
