// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <span>
#include <stop_token>

#include <faasnap/guest_stream.h>
#include <faasnap/units.h>

#include "store/account.h"

namespace faasnap::store {

// The stream of a client that is not trusted. Gives up a client that keeps its reader or writer
// waiting (StoreLimits::stall, least_rate, idle), and makes a client wait that moves more than its
// guest may. For one thread.
class PacedStream {
 public:
  // The arguments must outlive it.
  PacedStream(GuestStream& stream, Account& account, std::stop_token stop);

  // Waits for the first bytes of a request, as long as a client may be idle, and from then on has
  // the patience that a request gets. Returns 0 at the end of the stream.
  std::size_t read_first(std::span<std::byte> out);
  // Reads more of the same request.
  std::size_t read(std::span<std::byte> out);
  void write(std::span<const std::byte> data);

  // True after a call has thrown: nothing more can be told the client.
  bool broken() const noexcept { return broken_; }

 private:
  template <typename Move>
  std::size_t move(Nanoseconds patience, Move transfer);
  Nanoseconds earned(std::size_t bytes) const;

  GuestStream& stream_;
  Account& account_;
  const std::stop_token stop_;
  const Nanoseconds stall_;
  // How long the client may still keep its reader or writer waiting.
  Nanoseconds patience_;
  bool broken_ = false;
};

}  // namespace faasnap::store
