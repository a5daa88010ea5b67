// SPDX-License-Identifier: Apache-2.0

#include "paging/userfault/stream_loader.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <utility>

#include "base/clock.h"
#include "base/error.h"
#include "base/threads/thread.h"

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

// Of a compressed file less than what is installed of it.
Bytes longest_read(std::span<const ReadPiece> pieces) {
  Bytes longest;
  for (const ReadPiece& piece : pieces) {
    longest = std::max(longest, piece.length);
  }
  return longest;
}

// Entered between two looks at what the disk has brought.
constexpr std::uint64_t kEnteredPages = 128;

// Returns false, with errno, if the pages cannot be had.
bool populate(std::span<std::byte> guest_memory, PageRange pages, int advice) {
  std::byte* target = guest_memory.data() + pages.first.offset().value;
  return base::retry_eintr([&] { return ::madvise(target, pages.size().value, advice); }) == 0;
}

// A page that has data must never be made zero.
void check_zero_pages(std::span<const PageRange> zeros, const memory::PageSet& nonzero) {
  for (const PageRange& pages : zeros) {
    nonzero.cut(pages, [](PageRange part, bool has_data) {
      if (has_data) {
        base::fail(ErrorKind::invalid_argument, "load guest memory", {},
                   fmt::format("page {} is to be zero, and the memory file has data for it",
                               part.first.value));
      }
    });
  }
}

}  // namespace

std::unique_ptr<LoadProgress> plan_progress(const RestorePlan& plan, const HandledPages& handled,
                                            Bytes memory, const InstallTuning& tuning) {
  const auto* load = plan.load_if<InstallWhileRunning>();
  if (load == nullptr) {
    return std::make_unique<LoadProgress>();
  }
  check_zero_pages(load->zero_pages, handled.nonzero);
  auto pieces = cut_reads(load->reads, checked(tuning).piece);
  const unsigned buffers = buffers_for(tuning, pieces.size());
  return std::make_unique<LoadProgress>(
      std::move(pieces), cut_zeros(load->zero_pages, handled.watched, tuning.zero_pages), memory,
      buffers);
}

StreamLoader::StreamLoader(LoadProgress& progress, std::vector<PlannedEntry> entries,
                           const memory::PageSet& unforeseen, std::span<std::byte> guest_memory,
                           const SnapshotFiles& files, const Userfault& faults,
                           LoaderCallbacks callbacks, const InstallTuning& tuning)
    : progress_(progress),
      entries_(std::move(entries)),
      unforeseen_zeros_(unforeseen),
      guest_memory_(guest_memory),
      faults_(faults),
      callbacks_(std::move(callbacks)),
      tuning_(checked(tuning)),
      files_(static_cast<std::size_t>(Backing::stream_set) + 1),
      zero_source_(make_zero_source({tuning.zero_pages * kPageSize})),
      blocks_(progress.pieces(), kInstallers),
      reads_(buffers_for(tuning, progress.pieces().size()), longest_read(progress.pieces())),
      part_in_buffer_(buffers_for(tuning, progress.pieces().size())) {
  for (const ReadPiece& piece : progress_.pieces()) {
    auto& file = files_[static_cast<std::size_t>(piece.file)];
    if (!file) {
      file.emplace(*files.of(piece.file, piece.layer));
    }
  }
  thread_ = base::start_thread("faasnap-load", [this] { run(); });
}

StreamLoader::~StreamLoader() {
  cancel();
  thread_.join();
}

void StreamLoader::start() { progress_.begin(base::monotonic_now()); }

PrefetchStats StreamLoader::stats() const {
  PrefetchStats stats = progress_.stats();
  stats.io_uring = reads_.io_uring();
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
    progress_.wait_for_begin();
    load();
    if (progress_.cancelled()) {
      base::fail(ErrorKind::cancelled, "load guest memory", {},
                 "stopped before everything was loaded");
    }
  } catch (...) {
    failure = std::current_exception();
  }
  const bool cancelled = progress_.cancelled();
  progress_.cancel();
  reads_.close();  // waits for what a failure has left under way
  if (failure && !cancelled && callbacks_.failed) {
    callbacks_.failed(failure);
  }
  progress_.end(base::monotonic_now(), failure);
}

void StreamLoader::load() {
  while (!progress_.cancelled()) {
    const std::size_t seen = progress_.changes();
    step();
    start_reads();
    reads_.take_ended([this](unsigned buffer) { finish_read(buffer); });
    settle();
    if (const auto piece = progress_.take_piece()) {
      install_piece(*piece, kLoader);
    } else if (next_entry_ < entries_.size()) {
      enter_some();
    } else if (const auto zeros = progress_.take_zeros()) {
      install_zeros(*zeros);
    } else if (reads_.under_way() != 0) {
      reads_.submit_and_wait(1);
    } else if (progress_.all_installed()) {
      settle();
      share_unforeseen_zeros();
      return;
    } else {
      progress_.wait_for_change(seen);  // another thread is at the rest
    }
  }
}

void StreamLoader::start_reads() {
  while (const auto work = progress_.next_read()) {
    const ReadPiece& piece = progress_.piece(*work);
    part_in_buffer_[work->buffer] = work->part;
    reads_.read(work->buffer, file_of(piece).ref(), piece.offset, piece.length);
  }
  reads_.submit();
}

void StreamLoader::finish_read(unsigned buffer) {
  progress_.add_ready({part_in_buffer_[buffer], buffer});
}

bool StreamLoader::help() {
  if (const auto zeros = progress_.take_zeros()) {
    install_zeros(*zeros);
    return true;
  }
  if (const auto piece = progress_.take_piece()) {
    install_piece(*piece, kHelper);
    return true;
  }
  return false;
}

void StreamLoader::install_piece(InstallWork work, Installer installer) {
  step();
  const ReadPiece& piece = progress_.piece(work);
  const std::span content =
      blocks_.content_of(piece, file_of(piece).ref().path, reads_.buffer(work.buffer), installer);
  for (std::size_t run = 0; run < piece.guest.size(); ++run) {
    const PageRange& pages = piece.guest[run];
    faults_.copy(pages, content.data() + piece.begins[run].value);
    if (callbacks_.present) {
      callbacks_.present(pages);
    }
  }
  progress_.finish(work);
}

void StreamLoader::install_zeros(InstallWork work) {
  step();
  const auto [pages, watched] = progress_.zeros(work);
  if (watched) {
    faults_.copy(pages, zero_source_.data());
  } else if (!populate(guest_memory_, pages, MADV_POPULATE_WRITE)) {
    base::fail_errno("madvise(MADV_POPULATE_WRITE) guest memory");
  }
  if (callbacks_.present) {
    callbacks_.present(pages);
  }
  progress_.finish(work);
}

// Also what other threads have installed: this thread alone may wait for a fault.
void StreamLoader::settle() {
  if (!callbacks_.settled) {
    return;
  }
  while (const auto work = progress_.take_finished()) {
    if (!progress_.is_piece(*work)) {
      callbacks_.settled(progress_.zeros(*work).pages);
      continue;
    }
    for (const PageRange& pages : progress_.piece(*work).guest) {
      callbacks_.settled(pages);
    }
  }
}

void StreamLoader::share_unforeseen_zeros() const {
  for (const PageRange& pages : unforeseen_zeros_.runs()) {
    if (progress_.cancelled()) {
      return;
    }
    faults_.share_zeros(pages);
  }
}

// Enters the next few pages of mapped files. One that cannot be entered is left to whoever touches
// it, for whom the kernel fails as for any page of a mapped file.
void StreamLoader::enter_some() {
  std::uint64_t entered = 0;
  while (next_entry_ < entries_.size() && entered < kEnteredPages) {
    const auto& [pages, copied] = entries_[next_entry_++];
    entered += pages.count;
    if (populate(guest_memory_, pages, copied ? MADV_POPULATE_WRITE : MADV_POPULATE_READ)) {
      callbacks_.entered(pages);
    }
  }
}

}  // namespace faasnap::paging
