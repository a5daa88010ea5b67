#include "paging/page_cache/page_cache_loader.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/clock.h"
#include "base/error.h"
#include "base/thread.h"
#include "paging/reads/direct_file.h"

namespace faasnap::paging {
namespace {

// What is read is wanted in the page cache only, so that every part of every read may land in the
// same few pages, which stay in the processor's cache.
constexpr Bytes kScratchSize{64ULL << 10};

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
                                 Events events)
    : files_(files),
      guest_memory_(guest_memory),
      tuning_(checked(tuning)),
      events_(std::move(events)),
      pieces_(cut_reads(load.reads, reads_loading_set(load) ? kBlock : tuning.piece)),
      entries_(load.entries),
      zero_runs_(load.zero_pages),
      loading_set_(map_loading_set(load, files)),
      scratch_(base::Mapping::anonymous(kScratchSize)),
      requests_(loading_set_ ? tuning.blocks : tuning.depth),
      finished_pieces_(pieces_.size()),
      ring_(std::make_unique<uring::Ring>(static_cast<unsigned>(requests_.size()))) {
  for (const ReadPiece& piece : pieces_) {
    if (const FileRef& file = file_of(piece); file.fd == nullptr || !*file.fd) {
      base::fail(ErrorKind::invalid_argument, "prefetch", file.path,
                 "the plan reads a file that is not there");
    }
  }
  for (std::size_t slot = requests_.size(); slot > 0; --slot) {
    free_slots_.push_back(static_cast<unsigned>(slot - 1));
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
  return stats_;
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
  return *files_.of(piece.file);
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
  ring_.reset();  // waits for what a failure has left under way
  loading_set_ = {};
  if (failure && !cancelled() && events_.failed) {
    events_.failed(failure);
  }
  const std::lock_guard lock(mutex_);
  failure_ = failure;
  stats_.duration = base::monotonic_now() - begun;
  stats_.finished = true;
  changed_.notify_all();
}

void PageCacheLoader::load() {
  start_reads();
  ring_->submit();
  while (ring_->outstanding() != 0) {
    const bool busy = started() && allocate_zero_pages();
    ring_->submit_and_wait(busy ? 0 : 1);
    ring_->for_each_completion([this](const uring::Completion& done) { complete(done); });
    start_reads();
    ring_->submit();  // the disk works on while this thread enters pages
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
  while (next_piece_ < pieces_.size() && !free_slots_.empty() && !cancelled()) {
    const unsigned slot = free_slots_.back();
    free_slots_.pop_back();
    requests_[slot].piece = next_piece_++;
    requests_[slot].populates = static_cast<bool>(loading_set_);
    requests_[slot].read = {};
    queue(slot);
  }
}

// There is room: the ring holds as many requests as there are slots.
void PageCacheLoader::queue(unsigned slot) {
  Request& request = requests_[slot];
  const ReadPiece& piece = pieces_[request.piece];
  bool queued = false;
  if (request.populates) {
    queued = ring_->prepare_populate(loading_set_.at(piece.offset, piece.length), slot);
  } else {
    request.scratch.clear();
    for (Bytes rest = piece.length - request.read; rest.value != 0;) {
      const Bytes part = std::min(rest, scratch_.size());
      request.scratch.push_back({scratch_.data(), part.value});
      rest = rest - part;
    }
    queued = ring_->prepare_readv(*file_of(piece).fd, request.scratch,
                                  (piece.offset + request.read).value, slot);
  }
  if (!queued) {
    base::fail(ErrorKind::internal, "prefetch", file_of(piece).path, "the io_uring ring is full");
  }
}

void PageCacheLoader::complete(const uring::Completion& completion) {
  const auto slot = static_cast<unsigned>(completion.user_data);
  Request& request = requests_[slot];
  if (!is_finished(request, completion.result)) {
    queue(slot);
    return;
  }
  finished_pieces_[request.piece] = true;
  free_slots_.push_back(slot);
  const Bytes length = pieces_[request.piece].length;
  const std::lock_guard lock(mutex_);
  ++stats_.reads;
  stats_.pages += length.pages();
  stats_.bytes += length;
}

bool PageCacheLoader::is_finished(Request& request, std::int32_t result) const {
  const ReadPiece& piece = pieces_[request.piece];
  if (request.populates) {
    request.populates = result == -EINTR || result == -EAGAIN;
    return result == 0;
  }
  request.read += check_read(result, file_of(piece), piece.offset + piece.length);
  return request.read == piece.length;
}

// In order, what has come.
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

// The next few; false when none are left to allocate.
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
  if (events_.present) {
    events_.present(pages);
  }
}

}  // namespace faasnap::paging
