#include "paging/userfault/stream_loader.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <utility>

#include "base/clock.h"
#include "base/error.h"
#include "base/thread.h"

namespace faasnap::paging {
namespace {

// Memory that reads as zeros, all of it the kernel's one page of zeros: to copy from it stays in
// the processor's first cache.
base::Mapping make_zero_source(Bytes size) {
  base::Mapping source = base::Mapping::anonymous(size);
  if (::madvise(source.data(), size.value, MADV_NOHUGEPAGE) != 0 && errno != EINVAL) {
    base::fail_errno("madvise(MADV_NOHUGEPAGE) zero pages");
  }
  if (base::retry_eintr([&] { return ::madvise(source.data(), size.value, MADV_POPULATE_READ); }) !=
      0) {
    base::fail_errno("madvise(MADV_POPULATE_READ) zero pages");
  }
  return source;
}

unsigned buffers_for(const InstallTuning& tuning, std::size_t pieces) {
  return static_cast<unsigned>(std::min<std::size_t>(tuning.depth, pieces));
}

}  // namespace

StreamLoader::StreamLoader(const RestorePlan& plan, std::span<std::byte> guest_memory,
                           std::span<const PageRange> watched, const SnapshotFiles& files,
                           const Userfault& faults, FailureLatch& failure, Events events,
                           const InstallTuning& tuning)
    : guest_memory_(guest_memory),
      pieces_(cut_reads(plan.reads(), checked(tuning).piece)),
      zeros_(cut_zeros(plan.zero_pages(), watched, tuning.zero_pages)),
      unforeseen_zeros_(unforeseen_zeros(plan, watched)),
      lookup_(pieces_, zeros_, {guest_memory.size()}),
      faults_(faults),
      failure_(failure),
      events_(std::move(events)),
      tuning_(tuning),
      files_(static_cast<std::size_t>(Backing::stream_set) + 1),
      buffers_(tuning.piece, buffers_for(tuning, pieces_.size())),
      zero_source_(make_zero_source({tuning.zero_pages * kPageSize})),
      queue_(pieces_.size(), zeros_.size(), buffers_for(tuning, pieces_.size())),
      requests_(buffers_for(tuning, pieces_.size())),
      ring_(std::make_unique<uring::Ring>(tuning.depth)) {
  check_zero_pages(plan.zero_pages(), plan.handled()->nonzero);
  for (const ReadPiece& piece : pieces_) {
    auto& file = files_[static_cast<std::size_t>(piece.file)];
    if (!file) {
      file.emplace(*files.of(piece.file));
    }
  }
  thread_ = base::start_thread("faasnap-load", [this] { run(); });
}

StreamLoader::~StreamLoader() {
  cancel();
  thread_.join();
}

void StreamLoader::start() { queue_.begin(base::monotonic_now()); }

std::optional<PartState> StreamLoader::state_of(PageIndex page) const {
  const auto part = lookup_.part_of(page);
  return part ? std::optional(queue_.state(*part)) : std::nullopt;
}

PrefetchStats StreamLoader::stats() const {
  PrefetchStats stats = queue_.stats();
  stats.direct = std::all_of(files_.begin(), files_.end(),
                             [](const auto& file) { return !file || file->direct(); });
  return stats;
}

void StreamLoader::step() const {
  if (tuning_.before_step) {
    tuning_.before_step();
  }
}

const DirectFile& StreamLoader::file_of(const ReadPiece& piece) const {
  return *files_[static_cast<std::size_t>(piece.file)];
}

void StreamLoader::run() noexcept {
  std::exception_ptr failure;
  try {
    queue_.wait_for_begin();
    load();
    if (queue_.cancelled()) {
      base::fail(ErrorKind::cancelled, "load guest memory", {},
                 "stopped before everything was loaded");
    }
  } catch (...) {
    failure = std::current_exception();
  }
  const bool cancelled = queue_.cancelled();
  queue_.cancel();
  ring_.reset();  // waits for what a failure has left under way
  if (failure && !cancelled) {
    failure_.report(failure);
  }
  queue_.end(base::monotonic_now(), failure);
}

void StreamLoader::load() {
  while (!queue_.cancelled()) {
    const std::size_t seen = queue_.changes();
    step();
    start_reads();
    ring_->submit();
    ring_->for_each_completion([this](const uring::Completion& done) { complete(done); });
    if (const auto piece = queue_.take_piece()) {
      install_piece(*piece);
    } else if (const auto zeros = queue_.take_zeros()) {
      install_zeros(*zeros);
    } else if (ring_->outstanding() != 0) {
      ring_->submit_and_wait(1);
    } else if (queue_.all_installed()) {
      share_unforeseen_zeros();
      return;
    } else {
      queue_.wait_for_change(seen);  // another thread is at the rest
    }
  }
}

void StreamLoader::start_reads() {
  while (const auto work = queue_.next_read()) {
    requests_[work->buffer] = {work->part, {}};
    queue_read(work->buffer);
  }
}

void StreamLoader::queue_read(unsigned buffer) {
  const Request& request = requests_[buffer];
  const ReadPiece& piece = pieces_[request.part];
  const auto target =
      buffers_[buffer].subspan(request.done.value, (piece.length - request.done).value);
  // There is room: the ring holds as many requests as there are buffers.
  if (!ring_->prepare_read(file_of(piece).fd(), target, (piece.offset + request.done).value,
                           buffer)) {
    base::fail(ErrorKind::internal, "load guest memory", {}, "the io_uring ring is full");
  }
}

void StreamLoader::complete(const uring::Completion& completion) {
  const auto buffer = static_cast<unsigned>(completion.user_data);
  Request& request = requests_[buffer];
  const ReadPiece& piece = pieces_[request.part];
  request.done += check_read(completion.result, file_of(piece).ref(), piece.offset + piece.length);
  if (request.done < piece.length) {
    queue_read(buffer);
    return;
  }
  if (queue_.add_ready({request.part, buffer}) > 1 && events_.help_wanted) {
    events_.help_wanted();
  }
}

bool StreamLoader::help() {
  if (const auto zeros = queue_.take_zeros()) {
    install_zeros(*zeros);
    return true;
  }
  if (const auto piece = queue_.take_piece()) {
    install_piece(*piece);
    return true;
  }
  return false;
}

void StreamLoader::install_piece(InstallWork work) {
  step();
  const ReadPiece& piece = pieces_[work.part];
  const std::byte* source = buffers_[work.buffer].data();
  for (const PageRange& pages : piece.guest) {
    faults_.copy(pages, source);
    source += pages.size().value;
    if (events_.present) {
      events_.present(pages);
    }
  }
  queue_.finish(work, piece.length.pages());
}

void StreamLoader::install_zeros(InstallWork work) {
  step();
  const auto [pages, watched] = zeros_[work.part - pieces_.size()];
  if (watched) {
    faults_.copy(pages, zero_source_.data());
  } else {
    populate_zeros(pages);
  }
  if (events_.present) {
    events_.present(pages);
  }
  queue_.finish(work, pages.count);
}

void StreamLoader::share_unforeseen_zeros() const {
  for (const PageRange& pages : unforeseen_zeros_) {
    if (queue_.cancelled()) {
      return;
    }
    faults_.share_zeros(pages);
  }
}

void StreamLoader::populate_zeros(PageRange pages) const {
  std::byte* target = guest_memory_.data() + pages.first.offset().value;
  const int result =
      base::retry_eintr([&] { return ::madvise(target, pages.size().value, MADV_POPULATE_WRITE); });
  if (result != 0) {
    base::fail_errno("madvise(MADV_POPULATE_WRITE) guest memory");
  }
}

}  // namespace faasnap::paging
