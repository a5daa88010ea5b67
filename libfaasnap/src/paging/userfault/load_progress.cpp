// SPDX-License-Identifier: Apache-2.0

#include "paging/userfault/load_progress.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

#include "base/error.h"

namespace faasnap::paging {
namespace {

[[noreturn]] void reject_entry(const std::string& reason) {
  base::fail(ErrorKind::invalid_argument, "load guest memory", {}, reason);
}

}  // namespace

LoadProgress::LoadProgress(std::vector<ReadPiece> pieces, std::vector<ZeroStretch> zeros,
                           Bytes memory, unsigned buffers)
    : pieces_(std::move(pieces)),
      zeros_(std::move(zeros)),
      states_(pieces_.size() + zeros_.size()),
      next_zeros_(pieces_.size()) {
  for (std::size_t i = 0; i < pieces_.size(); ++i) {
    for (const PageRange& pages : pieces_[i].guest) {
      entries_.push_back({pages, i});
    }
  }
  for (std::size_t i = 0; i < zeros_.size(); ++i) {
    entries_.push_back({zeros_[i].pages, pieces_.size() + i});
  }
  std::ranges::sort(entries_, {}, &Entry::pages);
  PageIndex end{0};
  for (const Entry& entry : entries_) {
    if (entry.pages.count > memory.pages() ||
        entry.pages.first.value > memory.pages() - entry.pages.count) {
      reject_entry(fmt::format("{} pages from page {} do not fit a guest of {} pages",
                               entry.pages.count, entry.pages.first.value, memory.pages()));
    }
    if (entry.pages.first < end) {
      reject_entry(fmt::format("page {} is loaded twice", entry.pages.first.value));
    }
    end = entry.pages.end();
  }
  for (unsigned buffer = buffers; buffer > 0; --buffer) {
    free_buffers_.push_back(buffer - 1);
  }
}

std::optional<PartState> LoadProgress::state_of(PageIndex page) const noexcept {
  const auto entry = std::ranges::partition_point(
      entries_, [&](const Entry& candidate) { return candidate.pages.end() <= page; });
  if (entry == entries_.end() || page < entry->pages.first) {
    return std::nullopt;
  }
  return states_[entry->part].load();
}

std::optional<InstallWork> LoadProgress::next_read() {
  const std::lock_guard lock(mutex_);
  if (!open() || next_piece_ == pieces_.size() || free_buffers_.empty()) {
    return std::nullopt;
  }
  const InstallWork work{next_piece_++, free_buffers_.back()};
  free_buffers_.pop_back();
  states_[work.part] = PartState::reading;
  return work;
}

void LoadProgress::add_ready(InstallWork piece) {
  bool more_than_one = false;
  {
    const std::lock_guard lock(mutex_);
    states_[piece.part] = PartState::ready;
    ready_.push_back(piece);
    ++stats_.reads;
    changed();
    more_than_one = ready_.size() > 1;  // the reader itself is about to install one
  }
  if (more_than_one) {
    helper_.signal();
  }
}

std::optional<InstallWork> LoadProgress::take_piece() {
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

std::optional<InstallWork> LoadProgress::take_zeros() {
  const std::lock_guard lock(mutex_);
  if (!open() || next_zeros_ == states_.size()) {
    return std::nullopt;
  }
  states_[next_zeros_] = PartState::installing;
  return InstallWork{next_zeros_++, 0};
}

void LoadProgress::finish(InstallWork work) {
  const std::uint64_t pages = is_piece(work) ? piece(work).pages() : zeros(work).pages.count;
  const std::lock_guard lock(mutex_);
  states_[work.part] = PartState::installed;
  ++installed_;
  finished_.push_back(work);
  if (is_piece(work)) {
    free_buffers_.push_back(work.buffer);
    stats_.pages += pages;
    stats_.bytes += Bytes{pages * kPageSize};
    stats_.read += piece(work).length;
  } else {
    stats_.zero_pages += pages;
  }
  changed();
  if (std::exchange(finish_awaited_, false)) {
    helper_.signal();
  }
}

std::optional<InstallWork> LoadProgress::take_finished() {
  const std::lock_guard lock(mutex_);
  if (finished_.empty()) {
    return std::nullopt;
  }
  const InstallWork work = finished_.front();
  finished_.pop_front();
  return work;
}

bool LoadProgress::await_finish(PageIndex page) {
  const std::lock_guard lock(mutex_);
  const bool installing = state_of(page) == PartState::installing;
  finish_awaited_ = finish_awaited_ || installing;
  return installing;
}

void LoadProgress::wait_for_change(std::size_t seen) const {
  std::unique_lock lock(mutex_);
  change_.wait(lock, [&] { return changes_ != seen || cancelled_; });
}

std::size_t LoadProgress::changes() const {
  const std::lock_guard lock(mutex_);
  return changes_;
}

bool LoadProgress::all_installed() const {
  const std::lock_guard lock(mutex_);
  return installed_ == states_.size();
}

void LoadProgress::begin(Nanoseconds now) {
  const std::lock_guard lock(mutex_);
  begun_ = true;
  begin_ = now;
  changed();
  helper_.signal();
}

void LoadProgress::wait_for_begin() const {
  std::unique_lock lock(mutex_);
  change_.wait(lock, [&] { return begun_ || cancelled_; });
}

void LoadProgress::cancel() noexcept {
  const std::lock_guard lock(mutex_);
  cancelled_ = true;
  changed();
  helper_.signal();
}

bool LoadProgress::cancelled() const {
  const std::lock_guard lock(mutex_);
  return cancelled_;
}

void LoadProgress::end(Nanoseconds now, std::exception_ptr failure) noexcept {
  const std::lock_guard lock(mutex_);
  ended_ = true;
  failure_ = failure;
  stats_.duration = begun_ ? now - begin_ : Nanoseconds(0);
  stats_.finished = true;
  changed();
}

void LoadProgress::wait() const {
  std::unique_lock lock(mutex_);
  change_.wait(lock, [&] { return ended_; });
  if (failure_) {
    std::rethrow_exception(failure_);
  }
}

PrefetchStats LoadProgress::stats() const {
  const std::lock_guard lock(mutex_);
  return stats_;
}

void LoadProgress::changed() noexcept {
  ++changes_;
  change_.notify_all();
}

}  // namespace faasnap::paging
