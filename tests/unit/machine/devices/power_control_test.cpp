// SPDX-License-Identifier: Apache-2.0

#include "machine/devices/power_control.h"

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <optional>

#include "boot/layout.h"

using namespace faasnap;
using namespace faasnap::machine;

namespace {

// Returns the result of a guest's write to a register of `device`.
template <typename Device>
std::optional<VmState> write(std::uint64_t offset, std::uint8_t value) {
  std::optional<VmState> end;
  Device device([&](VmState state) { end = state; });
  const std::array data{static_cast<std::byte>(value)};
  device.write(offset, data);
  return end;
}

constexpr std::uint64_t offset_of(std::uint16_t port) { return port - boot::kSleepControlPort; }

}  // namespace

TEST_CASE("only the sleep type of S5, with sleep enabled, powers off") {
  CHECK(write<PowerControl>(0, 0x20 | (5 << 2)) == VmState::powered_off);
  CHECK(write<PowerControl>(0, 5 << 2) == std::nullopt);
  CHECK(write<PowerControl>(0, 0x20 | (3 << 2)) == std::nullopt);
}

TEST_CASE("the reset register resets, by its own value only") {
  CHECK(write<PowerControl>(offset_of(boot::kResetPort), boot::kResetValue) == VmState::reset);
  CHECK(write<PowerControl>(offset_of(boot::kResetPort), 0) == std::nullopt);
}

TEST_CASE("the panic register tells of a panic, and offers that event alone") {
  CHECK(write<PowerControl>(offset_of(boot::kPanicPort), 1) == VmState::panicked);
  CHECK(write<PowerControl>(offset_of(boot::kPanicPort), 2) == std::nullopt);
  PowerControl device([](VmState) {});
  std::array data{std::byte{0xff}};
  device.read(offset_of(boot::kPanicPort), data);
  CHECK(data[0] == std::byte{1});
}

TEST_CASE("the keyboard controller's pulse command resets, and nothing else does") {
  CHECK(write<KeyboardReset>(4, 0xfe) == VmState::reset);
  CHECK(write<KeyboardReset>(4, 0xd1) == std::nullopt);
  CHECK(write<KeyboardReset>(0, 0xfe) == std::nullopt);
}
