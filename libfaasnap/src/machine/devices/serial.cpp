// SPDX-License-Identifier: Apache-2.0

#include "machine/devices/serial.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/clock.h"

namespace faasnap::machine {
namespace {

constexpr std::size_t kMaximumInput = 64 * 1024;

enum Register : std::uint64_t {
  kData = 0,             // divisor low byte while the latch bit is set
  kInterruptEnable = 1,  // divisor high byte while the latch bit is set
  kInterruptIdentity = 2,
  kLineControl = 3,
  kModemControl = 4,
  kLineStatus = 5,
  kModemStatus = 6,
  kScratch = 7,
};

constexpr std::uint8_t kEnableReceived = 0x01;
constexpr std::uint8_t kEnableTransmitterEmpty = 0x02;
constexpr std::uint8_t kIdentityNone = 0x01;
constexpr std::uint8_t kIdentityTransmitterEmpty = 0x02;
constexpr std::uint8_t kIdentityReceived = 0x04;
constexpr std::uint8_t kIdentityFifo = 0xc0;
constexpr std::uint8_t kFifoEnable = 0x01;
constexpr std::uint8_t kFifoClearInput = 0x02;
constexpr std::uint8_t kDivisorLatch = 0x80;
constexpr std::uint8_t kLoopback = 0x10;
constexpr std::uint8_t kStatusReceived = 0x01;
constexpr std::uint8_t kStatusTransmitterIdle = 0x60;
constexpr std::uint8_t kModemReady = 0xb0;  // carrier detect, data set ready, clear to send

}  // namespace

Serial::Serial(ConsoleSink sink, const ConsoleLimits& limits, std::function<void()> raise)
    : sink_(std::move(sink)),
      resume_(std::min(limits.per_second, limits.burst).value),
      raise_(std::move(raise)),
      room_(limits.per_second.value, limits.burst.value) {}

std::uint64_t Serial::dropped() const {
  const std::lock_guard lock(mutex_);
  return dropped_ + dropping_;
}

void Serial::read(std::uint64_t offset, std::span<std::byte> data) {
  const std::lock_guard lock(mutex_);
  data[0] = static_cast<std::byte>(read_register(offset));
}

void Serial::write(std::uint64_t offset, std::span<const std::byte> data) {
  std::string output;
  {
    const std::lock_guard lock(mutex_);
    write_register(offset, static_cast<std::uint8_t>(data[0]));
    output.swap(output_);
  }
  if (!output.empty() && sink_) {
    sink_(output);
  }
}

void Serial::type(std::string_view text) {
  const std::lock_guard lock(mutex_);
  for (const char c : text) {
    if (input_.size() == kMaximumInput) {
      break;
    }
    input_.push_back(static_cast<std::uint8_t>(c));
  }
  raise_if_pending();
}

std::uint8_t Serial::pending_interrupt() const {
  if ((interrupt_enable_ & kEnableReceived) != 0 && !input_.empty()) {
    return kIdentityReceived;
  }
  if ((interrupt_enable_ & kEnableTransmitterEmpty) != 0 && transmitter_empty_pending_) {
    return kIdentityTransmitterEmpty;
  }
  return kIdentityNone;
}

void Serial::raise_if_pending() {
  if (pending_interrupt() != kIdentityNone) {
    raise_();
  }
}

// Output that has been dropped starts again with a second's worth, so that the reader gets lines
// rather than single letters.
void Serial::transmit(char byte) {
  const Nanoseconds now = base::monotonic_now();
  if (dropping_ != 0 && room_.holds(resume_, now)) {
    output_ += fmt::format("\r\n[{} bytes of console output were dropped]\r\n", dropping_);
    dropped_ += std::exchange(dropping_, 0);
  }
  if (dropping_ == 0 && room_.take(1, now)) {
    output_.push_back(byte);
  } else {
    ++dropping_;
  }
}

std::uint8_t Serial::read_register(std::uint64_t offset) {
  const bool latch = (line_control_ & kDivisorLatch) != 0;
  switch (offset) {
    case kData: {
      if (latch) {
        return static_cast<std::uint8_t>(divisor_);
      }
      if (input_.empty()) {
        return 0;
      }
      const std::uint8_t value = input_.front();
      input_.pop_front();
      raise_if_pending();
      return value;
    }
    case kInterruptEnable:
      return latch ? static_cast<std::uint8_t>(divisor_ >> 8) : interrupt_enable_;
    case kInterruptIdentity: {
      const std::uint8_t identity = pending_interrupt();
      if (identity == kIdentityTransmitterEmpty) {
        transmitter_empty_pending_ = false;  // reading the identity acknowledges this one
      }
      return identity | ((fifo_control_ & kFifoEnable) != 0 ? kIdentityFifo : 0);
    }
    case kLineControl:
      return line_control_;
    case kModemControl:
      return modem_control_;
    case kLineStatus:
      return kStatusTransmitterIdle | (input_.empty() ? 0 : kStatusReceived);
    case kModemStatus:
      // In loopback mode the modem-control outputs are read back as inputs; drivers probe for this.
      return (modem_control_ & kLoopback) != 0
                 ? static_cast<std::uint8_t>(((modem_control_ & 0x0c) << 4) |
                                             ((modem_control_ & 0x02) << 3) |
                                             ((modem_control_ & 0x01) << 5))
                 : kModemReady;
    default:
      return scratch_;
  }
}

void Serial::write_register(std::uint64_t offset, std::uint8_t value) {
  const bool latch = (line_control_ & kDivisorLatch) != 0;
  switch (offset) {
    case kData:
      if (latch) {
        divisor_ = static_cast<std::uint16_t>((divisor_ & 0xff00) | value);
      } else if ((modem_control_ & kLoopback) != 0) {
        if (input_.size() < kMaximumInput) {
          input_.push_back(value);
        }
        raise_if_pending();
      } else {
        transmit(static_cast<char>(value));
        transmitter_empty_pending_ = true;
        raise_if_pending();
      }
      break;
    case kInterruptEnable:
      if (latch) {
        divisor_ = static_cast<std::uint16_t>((divisor_ & 0x00ff) | (value << 8));
      } else {
        // Enabling the transmitter interrupt while the transmitter is empty raises it at once.
        transmitter_empty_pending_ |= (value & ~interrupt_enable_ & kEnableTransmitterEmpty) != 0;
        interrupt_enable_ = value & 0x0f;
        raise_if_pending();
      }
      break;
    case kInterruptIdentity:
      fifo_control_ = value;
      if ((value & kFifoClearInput) != 0) {
        input_.clear();
      }
      break;
    case kLineControl:
      line_control_ = value;
      break;
    case kModemControl:
      modem_control_ = value & 0x1f;
      break;
    case kScratch:
      scratch_ = value;
      break;
    default:
      break;
  }
}

std::vector<std::byte> Serial::save() const {
  const std::lock_guard lock(mutex_);
  base::ByteWriter state;
  for (const std::uint8_t value : {interrupt_enable_, fifo_control_, line_control_, modem_control_,
                                   scratch_, std::uint8_t{transmitter_empty_pending_}}) {
    state.put(value);
  }
  state.put(divisor_);
  return state.take();
}

void Serial::restore(base::ByteReader& state) {
  const std::lock_guard lock(mutex_);
  for (std::uint8_t* value :
       {&interrupt_enable_, &fifo_control_, &line_control_, &modem_control_, &scratch_}) {
    *value = state.get<std::uint8_t>();
  }
  interrupt_enable_ &= 0x0f;
  modem_control_ &= 0x1f;
  transmitter_empty_pending_ = state.get<std::uint8_t>() != 0;
  divisor_ = state.get<std::uint16_t>();
  raise_if_pending();
}

}  // namespace faasnap::machine
