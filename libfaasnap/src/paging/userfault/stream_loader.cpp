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
                           const Userfault& faults, LoaderCallbacks callbacks,
                           std::function<void()> help_wanted, const InstallTuning& tuning)
    : guest_memory_(guest_memory),
      pieces_(cut_reads(plan.reads(), checked(tuning).piece)),
      zeros_(cut_zeros(plan.zero_pages(), watched, tuning.zero_pages)),
      unforeseen_zeros_(unforeseen_zeros(plan, watched)),
      lookup_(pieces_, zeros_, {guest_memory.size()}),
      faults_(faults),
      callbacks_(std::move(callbacks)),
      help_wanted_(std::move(help_wanted)),
      tuning_(tuning),
      files_(static_cast<std::size_t>(Backing::stream_set) + 1),
      zero_source_(make_zero_source({tuning.zero_pages * kPageSize})),
      queue_(pieces_.size(), zeros_.size(), buffers_for(tuning, pieces_.size())),
      reads_(buffers_for(tuning, pieces_.size()), tuning.piece),
      part_in_buffer_(buffers_for(tuning, pieces_.size())) {
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

void StreamLoader::start() {
  queue_.begin(base::monotonic_now());
  if (help_wanted_) {
    help_wanted_();
  }
}

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
  reads_.close();  // waits for what a failure has left under way
  if (failure && !cancelled && callbacks_.failed) {
    callbacks_.failed(failure);
  }
  queue_.end(base::monotonic_now(), failure);
}

void StreamLoader::load() {
  while (!queue_.cancelled()) {
    const std::size_t seen = queue_.changes();
    step();
    start_reads();
    reads_.take_ended([this](unsigned buffer) { finish_read(buffer); });
    if (const auto piece = queue_.take_piece()) {
      install_piece(*piece);
    } else if (const auto zeros = queue_.take_zeros()) {
      install_zeros(*zeros);
    } else if (reads_.under_way() != 0) {
      reads_.submit_and_wait(1);
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
    const ReadPiece& piece = pieces_[work->part];
    part_in_buffer_[work->buffer] = work->part;
    reads_.read(work->buffer, file_of(piece).ref(), piece.offset, piece.length);
  }
  reads_.submit();
}

void StreamLoader::finish_read(unsigned buffer) {
  if (queue_.add_ready({part_in_buffer_[buffer], buffer}) > 1 && help_wanted_) {
    help_wanted_();
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
  const std::byte* source = reads_.buffer(work.buffer).data();
  for (const PageRange& pages : piece.guest) {
    faults_.copy(pages, source);
    source += pages.size().value;
    if (callbacks_.present) {
      callbacks_.present(pages);
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
  if (callbacks_.present) {
    callbacks_.present(pages);
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
