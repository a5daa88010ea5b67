// SPDX-License-Identifier: Apache-2.0

#include "machine/devices/power_control.h"

#include <algorithm>

#include "boot/layout.h"

namespace faasnap::machine {
namespace {

constexpr std::uint64_t kSleepControl = 0;
constexpr std::uint64_t kReset = boot::kResetPort - boot::kSleepControlPort;
constexpr std::uint64_t kPanic = boot::kPanicPort - boot::kSleepControlPort;
static_assert(kPanic < PowerControl::kPorts);
constexpr std::uint8_t kPanicked = 1;

constexpr std::uint64_t kKeyboardCommand = 4;
constexpr std::uint8_t kKeyboardPulseReset = 0xfe;

}  // namespace

void PowerControl::read(std::uint64_t offset, std::span<std::byte> data) {
  std::ranges::fill(data, std::byte{0});
  if (offset == kPanic) {
    data[0] = std::byte{kPanicked};  // the supported events
  }
}

void PowerControl::write(std::uint64_t offset, std::span<const std::byte> data) {
  const auto value = static_cast<std::uint8_t>(data[0]);
  if (offset == kSleepControl && boot::is_power_off(value)) {
    end_(VmState::powered_off);
  } else if (offset == kReset && value == boot::kResetValue) {
    end_(VmState::reset);
  } else if (offset == kPanic && (value & kPanicked) != 0) {
    end_(VmState::panicked);
  }
}

void KeyboardReset::read(std::uint64_t, std::span<std::byte> data) {
  std::ranges::fill(data, std::byte{0});
}

void KeyboardReset::write(std::uint64_t offset, std::span<const std::byte> data) {
  if (offset == kKeyboardCommand && data[0] == std::byte{kKeyboardPulseReset}) {
    end_(VmState::reset);
  }
}

}  // namespace faasnap::machine
