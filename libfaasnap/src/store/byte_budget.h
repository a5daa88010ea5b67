// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <condition_variable>
#include <mutex>

#include <faasnap/units.h>

namespace faasnap::store {

// Memory that several threads share: take() waits until enough is free. May be used from any
// thread.
class ByteBudget {
 public:
  explicit ByteBudget(Bytes total) : left_(total) {}

  // Memory that was taken. The destructor gives it back. Movable.
  class Piece {
   public:
    Piece() = default;
    Piece(Piece&& other) noexcept;
    Piece& operator=(Piece&& other) noexcept;
    ~Piece();
    Bytes size() const noexcept { return size_; }

   private:
    friend class ByteBudget;
    Piece(ByteBudget& budget, Bytes size) noexcept : budget_(&budget), size_(size) {}
    ByteBudget* budget_ = nullptr;
    Bytes size_;
  };

  // Throws ErrorKind::timeout, or ErrorKind::cancelled after close(). `size` must not exceed the
  // total.
  Piece take(Bytes size, Nanoseconds timeout);
  // Makes every call of take(), running or later, throw.
  void close();

 private:
  void give_back(Bytes size);

  std::mutex mutex_;
  std::condition_variable changed_;
  Bytes left_;
  bool closed_ = false;
};

}  // namespace faasnap::store
