#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <mutex>
#include <optional>
#include <vector>

#include <faasnap/units.h>
#include <faasnap/vm_stats.h>

namespace faasnap::paging {

// How far a part of the loading has come.
enum class PartState : unsigned char { waiting, reading, ready, installing, installed };

// Something to install: a piece that has been read into a buffer, or a stretch of zero pages.
struct InstallWork {
  std::size_t part = 0;
  // For a piece.
  unsigned buffer = 0;
};

// Who installs what: the bookkeeping that the threads of one loading share. Parts are numbered,
// first `pieces` pieces of the reads, then `zeros` stretches of zero pages; both are handed out in
// order. Safe from any thread.
class InstallQueue {
 public:
  InstallQueue(std::size_t pieces, std::size_t zeros, unsigned buffers);

  // The reader's side: the next piece to read and the buffer for it; nothing while all buffers are
  // in use, after the last piece, or when cancelled.
  std::optional<InstallWork> next_read();
  // The piece is in its buffer. Returns how many pieces are waiting to be installed.
  std::size_t add_ready(InstallWork piece);

  // The installers' side.
  std::optional<InstallWork> take_piece();
  std::optional<InstallWork> take_zeros();
  // All of the part is in guest memory; the buffer of a piece is free again.
  void finish(InstallWork work, std::uint64_t pages);
  // Waits until a piece is ready, a buffer is free, all is installed, or it is cancelled.
  void wait_for_change(std::size_t seen) const;
  // For `wait_for_change`: counts what it waits for.
  std::size_t changes() const;

  PartState state(std::size_t part) const;
  bool all_installed() const;

  // Nothing is handed out before.
  void begin(Nanoseconds now);
  // Waits for that; or until it is cancelled.
  void wait_for_begin() const;
  // Hands nothing out any more.
  void cancel() noexcept;
  bool cancelled() const;
  // No thread works any more: lets go who waits in `wait`, which then throws `failure` if there is
  // one.
  void end(Nanoseconds now, std::exception_ptr failure) noexcept;
  void wait() const;
  PrefetchStats stats() const;

 private:
  bool open() const noexcept { return begun_ && !cancelled_; }
  void changed() noexcept;

  const std::size_t pieces_;
  mutable std::mutex mutex_;
  mutable std::condition_variable change_;
  std::vector<PartState> states_;
  std::vector<unsigned> free_buffers_;
  std::deque<InstallWork> ready_;
  std::size_t next_piece_ = 0;
  std::size_t next_zeros_;
  std::size_t installed_ = 0;
  std::size_t changes_ = 0;
  bool begun_ = false;
  bool cancelled_ = false;
  bool ended_ = false;
  Nanoseconds begin_{0};
  std::exception_ptr failure_;
  PrefetchStats stats_;
};

}  // namespace faasnap::paging
