// SPDX-License-Identifier: Apache-2.0

#include "store/byte_budget.h"

#include <utility>

#include "base/error.h"

namespace faasnap::store {

ByteBudget::Piece::Piece(Piece&& other) noexcept
    : budget_(std::exchange(other.budget_, nullptr)), size_(std::exchange(other.size_, {})) {}

ByteBudget::Piece& ByteBudget::Piece::operator=(Piece&& other) noexcept {
  std::swap(budget_, other.budget_);
  std::swap(size_, other.size_);
  return *this;
}

ByteBudget::Piece::~Piece() {
  if (budget_ != nullptr) {
    budget_->give_back(size_);
  }
}

ByteBudget::Piece ByteBudget::take(Bytes size, Nanoseconds timeout) {
  std::unique_lock lock(mutex_);
  const bool settled = changed_.wait_for(lock, timeout, [&] { return closed_ || left_ >= size; });
  if (closed_) {
    base::fail(ErrorKind::cancelled, "wait for memory", {}, "the server is stopping");
  }
  if (!settled) {
    base::fail(ErrorKind::timeout, "wait for memory", {}, "timed out");
  }
  left_ = left_ - size;
  return {*this, size};
}

void ByteBudget::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  changed_.notify_all();
}

void ByteBudget::give_back(Bytes size) {
  const std::lock_guard lock(mutex_);
  left_ += size;
  changed_.notify_all();
}

}  // namespace faasnap::store
