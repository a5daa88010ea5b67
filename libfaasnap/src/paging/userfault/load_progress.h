// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <mutex>
#include <optional>
#include <vector>

#include <faasnap/units.h>
#include <faasnap/vm_stats.h>

#include "base/files/fd.h"
#include "paging/plan/read_pieces.h"
#include "paging/plan/watched_pages.h"

namespace faasnap::paging {

// How far a part of the loading has come.
enum class PartState : unsigned char { waiting, reading, ready, installing, installed };

// A part to install: a piece that has been read into a buffer, or a stretch of zero pages.
struct InstallWork {
  std::size_t part = 0;
  // For a piece.
  unsigned buffer = 0;
};

// What is installed while a guest runs: which part brings a page, how far each part is, and who
// installs it. A part is a piece of the plan's reads or a stretch of its zero pages; they are
// numbered, first the pieces, then the stretches, and both are handed out in order. The threads
// that install share it; every member function is safe from any thread.
class LoadProgress {
 public:
  // Nothing is to be installed.
  LoadProgress() = default;
  // `buffers`: pieces that are read or wait to be installed at the same time. Throws
  // ErrorKind::invalid_argument for a page that is in two parts, or beyond `memory`.
  LoadProgress(std::vector<ReadPiece> pieces, std::vector<ZeroStretch> zeros, Bytes memory,
               unsigned buffers);

  // Returns the state of the part that brings `page`; nothing if no part does.
  std::optional<PartState> state_of(PageIndex page) const noexcept;
  const std::vector<ReadPiece>& pieces() const noexcept { return pieces_; }
  bool is_piece(InstallWork work) const noexcept { return work.part < pieces_.size(); }
  const ReadPiece& piece(InstallWork work) const noexcept { return pieces_[work.part]; }
  const ZeroStretch& zeros(InstallWork work) const noexcept {
    return zeros_[work.part - pieces_.size()];
  }

  // The reader's side. Returns the next piece to read and the buffer for it; nothing while all
  // buffers are in use, after the last piece, or if cancelled.
  std::optional<InstallWork> next_read();
  // The piece is in its buffer.
  void add_ready(InstallWork piece);

  // The installers' side. Each returns nothing before `begin` and after `cancel`.
  std::optional<InstallWork> take_piece();
  std::optional<InstallWork> take_zeros();
  // All of the part is in guest memory; the buffer of a piece is free again.
  void finish(InstallWork work);
  // Returns a part that is finished and was not returned yet.
  std::optional<InstallWork> take_finished();
  // If the part that brings `page` is being installed, has helper() signalled when a part is
  // finished next, and returns true.
  bool await_finish(PageIndex page);
  // Waits until a piece is ready, a buffer is free, everything is installed, or it is cancelled.
  // `seen`: what `changes` returned before the caller looked for work.
  void wait_for_change(std::size_t seen) const;
  std::size_t changes() const;
  bool all_installed() const;

  // Signalled when a thread beside the reader should look for work: there is some, there will never
  // be any, or a part is finished that it awaited. A thread that answers faults may signal it for
  // purposes of its own.
  const base::EventFd& helper() const noexcept { return helper_; }

  // Begins to hand out work.
  void begin(Nanoseconds now);
  // Waits until it has begun or is cancelled.
  void wait_for_begin() const;
  // Ends handing out work.
  void cancel() noexcept;
  bool cancelled() const;
  // No thread works any more: ends every `wait`, which then throws `failure` if there is one.
  void end(Nanoseconds now, std::exception_ptr failure) noexcept;
  void wait() const;
  PrefetchStats stats() const;

 private:
  struct Entry {
    PageRange pages;
    std::size_t part;
  };

  bool open() const noexcept { return begun_ && !cancelled_; }
  void changed() noexcept;

  const std::vector<ReadPiece> pieces_{};
  const std::vector<ZeroStretch> zeros_{};
  std::vector<Entry> entries_;  // sorted by page
  // Written with the mutex, read without.
  std::vector<std::atomic<PartState>> states_;
  base::EventFd helper_;

  mutable std::mutex mutex_;
  mutable std::condition_variable change_;
  std::vector<unsigned> free_buffers_;
  std::deque<InstallWork> ready_;
  std::size_t next_piece_ = 0;
  std::size_t next_zeros_ = 0;
  std::size_t installed_ = 0;
  std::deque<InstallWork> finished_;
  bool finish_awaited_ = false;
  std::size_t changes_ = 0;
  bool begun_ = false;
  bool cancelled_ = false;
  bool ended_ = false;
  Nanoseconds begin_{0};
  std::exception_ptr failure_;
  PrefetchStats stats_;
};

}  // namespace faasnap::paging
