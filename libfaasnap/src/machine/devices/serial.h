// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>

#include <faasnap/vm_options.h>

#include "base/bytes.h"
#include "base/token_bucket.h"
#include "machine/devices/bus.h"

namespace faasnap::machine {

// A 16550A UART (National Semiconductor PC16550D data sheet): the guest's console. Its line is
// infinitely fast, so the transmitter is always empty; what the guest sends beyond its limits is
// dropped. Safe from any thread; the sink is called without a lock, on the vCPU thread that wrote.
class Serial : public BusDevice {
 public:
  static constexpr std::uint64_t kPorts = 8;

  // `raise` raises the line's interrupt, which is edge-triggered, once. Called under the lock, so
  // it must not use the port.
  Serial(ConsoleSink sink, const ConsoleLimits& limits, std::function<void()> raise);

  void read(std::uint64_t offset, std::span<std::byte> data) override;
  void write(std::uint64_t offset, std::span<const std::byte> data) override;

  // Number of bytes of output that were dropped, as they exceeded the limits.
  std::uint64_t dropped() const;

  // Adds input for the guest. Drops input beyond 64 KiB of unread input, as an overrun line does.
  void type(std::string_view text);

  std::vector<std::byte> save() const;
  void restore(base::ByteReader& state);

 private:
  std::uint8_t read_register(std::uint64_t offset);
  void write_register(std::uint64_t offset, std::uint8_t value);
  std::uint8_t pending_interrupt() const;
  void raise_if_pending();
  void transmit(char byte);

  ConsoleSink sink_;
  const std::uint64_t resume_;
  std::function<void()> raise_;
  mutable std::mutex mutex_;
  std::deque<std::uint8_t> input_;
  std::string output_;
  base::TokenBucket room_;
  // Bytes dropped since output was last let through, and before.
  std::uint64_t dropping_ = 0;
  std::uint64_t dropped_ = 0;
  bool transmitter_empty_pending_ = false;
  std::uint8_t interrupt_enable_ = 0;
  std::uint8_t fifo_control_ = 0;
  std::uint8_t line_control_ = 0;
  std::uint8_t modem_control_ = 0;
  std::uint8_t scratch_ = 0;
  std::uint16_t divisor_ = 12;
};

}  // namespace faasnap::machine
