// SPDX-License-Identifier: Apache-2.0

#include "machine/devices/bus.h"

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <vector>

#include <faasnap/error.h>

using namespace faasnap;
using machine::Bus;

namespace {

class Recorder : public machine::BusDevice {
 public:
  void read(std::uint64_t offset, std::span<std::byte> data) override {
    offsets.push_back(offset);
    data[0] = std::byte{0x42};
  }
  void write(std::uint64_t offset, std::span<const std::byte>) override {
    offsets.push_back(offset);
  }
  std::vector<std::uint64_t> offsets;
};

}  // namespace

TEST_CASE("an access reaches the device whose range it lies in, with its offset") {
  Bus bus;
  Recorder low;
  Recorder high;
  bus.add(0x100, 8, low);
  bus.add(0x108, 8, high);
  std::array<std::byte, 4> data{};
  bus.read(0x104, data);
  bus.write(0x108, data);
  CHECK(low.offsets == std::vector<std::uint64_t>{4});
  CHECK(high.offsets == std::vector<std::uint64_t>{0});
  CHECK(data[0] == std::byte{0x42});
}

TEST_CASE("what no device answers reads as all ones") {
  Bus bus;
  Recorder device;
  bus.add(0x100, 8, device);
  for (const std::uint64_t address : {0xffULL, 0x105ULL, 0x108ULL, ~0ULL, ~0ULL - 3}) {
    std::array<std::byte, 4> data{};
    bus.read(address, data);
    bus.write(address, data);
    CHECK(data == std::array{std::byte{0xff}, std::byte{0xff}, std::byte{0xff}, std::byte{0xff}});
  }
  CHECK(device.offsets.empty());
}

TEST_CASE("ranges that overlap are refused") {
  Bus bus;
  Recorder device;
  bus.add(0x100, 8, device);
  CHECK_THROWS_AS(bus.add(0x107, 1, device), Error);
  CHECK_THROWS_AS(bus.add(0xf9, 8, device), Error);
  CHECK_NOTHROW(bus.add(0xf8, 8, device));
}
