#include "paging/prefetch_engine.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <utility>

#include "base/clock.h"
#include "base/error.h"
#include "base/thread.h"
#include "paging/direct_file.h"

namespace faasnap::paging {
namespace {

// What is read is wanted in the page cache only, so that every part of every read may land in the
// same few pages, which stay in the processor's cache.
constexpr Bytes kScratchSize{64ULL << 10};

constexpr unsigned kMaximumDepth = 256;
constexpr Bytes kMaximumPiece{16ULL << 20};

const PrefetchTuning& checked(const PrefetchTuning& tuning) {
  if (tuning.depth == 0 || tuning.depth > kMaximumDepth) {
    base::fail(ErrorKind::invalid_argument, "prefetch", {},
               fmt::format("depth {}, expected 1 to {}", tuning.depth, kMaximumDepth));
  }
  if (tuning.piece.value == 0 || tuning.piece.value % kPageSize != 0 ||
      tuning.piece > kMaximumPiece) {
    base::fail(ErrorKind::invalid_argument, "prefetch", {},
               fmt::format("pieces of {} bytes, expected a multiple of {} up to {}",
                           tuning.piece.value, kPageSize, kMaximumPiece.value));
  }
  return tuning;
}

}  // namespace

PrefetchEngine::PrefetchEngine(const RestorePlan& plan, const Files& files, std::byte* guest_memory,
                               const PrefetchTuning& tuning, Events events)
    : files_(files),
      guest_memory_(guest_memory),
      tuning_(checked(tuning)),
      events_(std::move(events)),
      pieces_(cut_reads(plan.reads, tuning.piece)),
      scratch_(base::Mapping::anonymous(kScratchSize)),
      requests_(tuning.depth),
      finished_pieces_(pieces_.size()),
      ring_(std::make_unique<uring::Ring>(tuning.depth)) {
  for (const ReadPiece& piece : pieces_) {
    if (const FileRef& file = file_of(piece); file.fd == nullptr || !*file.fd) {
      base::fail(ErrorKind::invalid_argument, "prefetch", file.path,
                 "the plan reads a file that is not there");
    }
  }
  for (unsigned slot = tuning_.depth; slot > 0; --slot) {
    free_slots_.push_back(slot - 1);
  }
  thread_ = base::start_thread("faasnap-fetch", [this] { run(); });
}

PrefetchEngine::~PrefetchEngine() {
  cancel();
  thread_.join();
}

void PrefetchEngine::start() {
  const std::lock_guard lock(mutex_);
  started_ = true;
  changed_.notify_all();
}

void PrefetchEngine::wait_for_start() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return started_ || cancelled_; });
}

void PrefetchEngine::wait() const {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return stats_.finished; });
  if (failure_) {
    std::rethrow_exception(failure_);
  }
}

void PrefetchEngine::cancel() noexcept {
  const std::lock_guard lock(mutex_);
  cancelled_ = true;
  changed_.notify_all();
}

PrefetchStats PrefetchEngine::stats() const {
  const std::lock_guard lock(mutex_);
  return stats_;
}

bool PrefetchEngine::cancelled() const {
  const std::lock_guard lock(mutex_);
  return cancelled_;
}

const FileRef& PrefetchEngine::file_of(const ReadPiece& piece) const {
  return *files_.of(piece.file);
}

void PrefetchEngine::run() noexcept {
  wait_for_start();
  const Nanoseconds begun = base::monotonic_now();
  std::exception_ptr failure;
  try {
    load();
  } catch (...) {
    failure = std::current_exception();
  }
  ring_.reset();  // waits for what a failure has left under way
  if (failure && !cancelled() && events_.failed) {
    events_.failed(failure);
  }
  const std::lock_guard lock(mutex_);
  failure_ = failure;
  stats_.duration = base::monotonic_now() - begun;
  stats_.finished = true;
  changed_.notify_all();
}

void PrefetchEngine::load() {
  start_reads();
  while (ring_->outstanding() != 0) {
    ring_->submit_and_wait(1);
    ring_->for_each_completion([this](const uring::Completion& done) { complete(done); });
    start_reads();
    ring_->submit();  // the disk works on while this thread populates
    populate_finished();
  }
  if (next_piece_ < pieces_.size()) {
    base::fail(ErrorKind::cancelled, "prefetch", {}, "stopped before everything was read");
  }
}

void PrefetchEngine::start_reads() {
  while (next_piece_ < pieces_.size() && !free_slots_.empty() && !cancelled()) {
    const unsigned slot = free_slots_.back();
    free_slots_.pop_back();
    requests_[slot].piece = next_piece_++;
    requests_[slot].done = {};
    queue(slot);
  }
}

void PrefetchEngine::queue(unsigned slot) {
  Request& request = requests_[slot];
  const ReadPiece& piece = pieces_[request.piece];
  Bytes rest = piece.length - request.done;
  request.scratch.clear();
  while (rest.value != 0) {
    const Bytes part = std::min(rest, scratch_.size());
    request.scratch.push_back({scratch_.data(), part.value});
    rest = rest - part;
  }
  // There is room: the ring holds as many requests as there are slots.
  if (!ring_->prepare_readv(*file_of(piece).fd, request.scratch,
                            (piece.offset + request.done).value, slot)) {
    base::fail(ErrorKind::internal, "prefetch", file_of(piece).path, "the io_uring ring is full");
  }
}

void PrefetchEngine::complete(const uring::Completion& completion) {
  const auto slot = static_cast<unsigned>(completion.user_data);
  Request& request = requests_[slot];
  const ReadPiece& piece = pieces_[request.piece];
  request.done += check_read(completion.result, file_of(piece), piece.offset + piece.length);
  if (request.done < piece.length) {
    queue(slot);
    return;
  }
  finished_pieces_[request.piece] = true;
  free_slots_.push_back(slot);
  const std::lock_guard lock(mutex_);
  ++stats_.reads;
  stats_.pages += piece.length.pages();
  stats_.bytes += piece.length;
}

void PrefetchEngine::populate_finished() {
  if (guest_memory_ == nullptr || !tuning_.populate) {
    return;
  }
  while (next_to_populate_ < pieces_.size() && finished_pieces_[next_to_populate_]) {
    for (const PageRange& pages : pieces_[next_to_populate_].guest) {
      populate(pages);
    }
    ++next_to_populate_;
  }
}

void PrefetchEngine::populate(PageRange pages) const {
  std::byte* target = guest_memory_ + pages.first.offset().value;
  const int result =
      base::retry_eintr([&] { return ::madvise(target, pages.size().value, MADV_POPULATE_READ); });
  if (result != 0) {
    base::fail_errno("madvise(MADV_POPULATE_READ) guest memory");
  }
  if (events_.present) {
    events_.present(pages);
  }
}

}  // namespace faasnap::paging
