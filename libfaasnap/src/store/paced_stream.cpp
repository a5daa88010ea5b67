// SPDX-License-Identifier: Apache-2.0

#include "store/paced_stream.h"

#include <algorithm>
#include <utility>

#include "base/clock.h"
#include "base/error.h"

namespace faasnap::store {
namespace {

// As good as for ever, and small enough for sums.
constexpr Nanoseconds kLongest = std::chrono::hours(24 * 365);

}  // namespace

PacedStream::PacedStream(GuestStream& stream, Account& account, std::stop_token stop)
    : stream_(stream),
      account_(account),
      stop_(std::move(stop)),
      stall_(std::min(account.limits().stall, kLongest)),
      patience_(stall_) {}

std::size_t PacedStream::read_first(std::span<std::byte> out) {
  const std::size_t got =
      move(account_.limits().idle, [&](Nanoseconds timeout) { return stream_.read(out, timeout); });
  patience_ = stall_;
  return got;
}

std::size_t PacedStream::read(std::span<std::byte> out) {
  return move(patience_, [&](Nanoseconds timeout) { return stream_.read(out, timeout); });
}

// The time that the bytes earn is given in advance: all of them are written, or the client is gone.
void PacedStream::write(std::span<const std::byte> data) {
  move(patience_ + earned(data.size()), [&](Nanoseconds timeout) {
    stream_.write(data, timeout);
    return data.size();
  });
}

// Lets `transfer` wait for `patience`, and keeps what is left of it and what its bytes earn.
template <typename Move>
std::size_t PacedStream::move(Nanoseconds patience, Move transfer) {
  const Nanoseconds begun = base::monotonic_now();
  std::size_t moved = 0;
  try {
    moved = transfer(patience);
  } catch (const Error& error) {
    broken_ = true;
    if (error.kind() == ErrorKind::timeout) {
      account_.count_closed();
    }
    throw;
  }
  const Nanoseconds waited = base::monotonic_now() - begun;
  patience_ = std::min(patience_ + earned(moved) - waited, stall_);
  account_.pace_bytes({moved}, stop_);
  return moved;
}

Nanoseconds PacedStream::earned(std::size_t bytes) const {
  const auto rate =
      static_cast<double>(std::max<std::uint64_t>(account_.limits().least_rate.value, 1));
  return Nanoseconds(static_cast<Nanoseconds::rep>(static_cast<double>(bytes) / rate * 1e9));
}

}  // namespace faasnap::store
