#include "paging/userfault/install_queue.h"

#include <algorithm>

namespace faasnap::paging {

InstallQueue::InstallQueue(std::size_t pieces, std::size_t zeros, unsigned buffers)
    : pieces_(pieces), states_(pieces + zeros, PartState::waiting), next_zeros_(pieces) {
  for (unsigned buffer = buffers; buffer > 0; --buffer) {
    free_buffers_.push_back(buffer - 1);
  }
}

std::optional<InstallWork> InstallQueue::next_read() {
  const std::lock_guard lock(mutex_);
  if (!open() || next_piece_ == pieces_ || free_buffers_.empty()) {
    return std::nullopt;
  }
  const InstallWork work{next_piece_++, free_buffers_.back()};
  free_buffers_.pop_back();
  states_[work.part] = PartState::reading;
  return work;
}

std::size_t InstallQueue::add_ready(InstallWork piece) {
  const std::lock_guard lock(mutex_);
  states_[piece.part] = PartState::ready;
  ready_.push_back(piece);
  ++stats_.reads;
  changed();
  return ready_.size();
}

std::optional<InstallWork> InstallQueue::take_piece() {
  const std::lock_guard lock(mutex_);
  if (!open() || ready_.empty()) {
    return std::nullopt;
  }
  // Reads may end out of order; the guest is most likely to want the earliest.
  const auto first =
      std::min_element(ready_.begin(), ready_.end(),
                       [](const InstallWork& a, const InstallWork& b) { return a.part < b.part; });
  const InstallWork work = *first;
  ready_.erase(first);
  states_[work.part] = PartState::installing;
  return work;
}

std::optional<InstallWork> InstallQueue::take_zeros() {
  const std::lock_guard lock(mutex_);
  if (!open() || next_zeros_ == states_.size()) {
    return std::nullopt;
  }
  states_[next_zeros_] = PartState::installing;
  return InstallWork{next_zeros_++, 0};
}

void InstallQueue::finish(InstallWork work, std::uint64_t pages) {
  const std::lock_guard lock(mutex_);
  states_[work.part] = PartState::installed;
  ++installed_;
  if (work.part < pieces_) {
    free_buffers_.push_back(work.buffer);
    stats_.pages += pages;
    stats_.bytes += Bytes{pages * kPageSize};
  } else {
    stats_.zero_pages += pages;
  }
  changed();
}

void InstallQueue::wait_for_change(std::size_t seen) const {
  std::unique_lock lock(mutex_);
  change_.wait(lock, [&] { return changes_ != seen || cancelled_; });
}

std::size_t InstallQueue::changes() const {
  const std::lock_guard lock(mutex_);
  return changes_;
}

PartState InstallQueue::state(std::size_t part) const {
  const std::lock_guard lock(mutex_);
  return states_[part];
}

bool InstallQueue::all_installed() const {
  const std::lock_guard lock(mutex_);
  return installed_ == states_.size();
}

void InstallQueue::begin(Nanoseconds now) {
  const std::lock_guard lock(mutex_);
  begun_ = true;
  begin_ = now;
  changed();
}

void InstallQueue::wait_for_begin() const {
  std::unique_lock lock(mutex_);
  change_.wait(lock, [&] { return begun_ || cancelled_; });
}

void InstallQueue::cancel() noexcept {
  const std::lock_guard lock(mutex_);
  cancelled_ = true;
  changed();
}

bool InstallQueue::cancelled() const {
  const std::lock_guard lock(mutex_);
  return cancelled_;
}

void InstallQueue::end(Nanoseconds now, std::exception_ptr failure) noexcept {
  const std::lock_guard lock(mutex_);
  ended_ = true;
  failure_ = failure;
  stats_.duration = begun_ ? now - begin_ : Nanoseconds(0);
  stats_.finished = true;
  changed();
}

void InstallQueue::wait() const {
  std::unique_lock lock(mutex_);
  change_.wait(lock, [&] { return ended_; });
  if (failure_) {
    std::rethrow_exception(failure_);
  }
}

PrefetchStats InstallQueue::stats() const {
  const std::lock_guard lock(mutex_);
  return stats_;
}

void InstallQueue::changed() noexcept {
  ++changes_;
  change_.notify_all();
}

}  // namespace faasnap::paging
