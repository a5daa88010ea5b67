// SPDX-License-Identifier: Apache-2.0

#include "machine/devices/serial.h"

#include <algorithm>
#include <array>
#include <catch2/catch_test_macros.hpp>
#include <string>
#include <utility>

using namespace faasnap;
using machine::Serial;

namespace {

// The driver's accesses to the port.
class Port {
 public:
  explicit Port(Serial& serial) : serial_(serial) {}

  std::uint8_t read(std::uint64_t offset) {
    std::array<std::byte, 1> data{};
    serial_.read(offset, data);
    return static_cast<std::uint8_t>(data[0]);
  }
  void write(std::uint64_t offset, std::uint8_t value) {
    const std::array data{static_cast<std::byte>(value)};
    serial_.write(offset, data);
  }

 private:
  Serial& serial_;
};

}  // namespace

TEST_CASE("what the guest transmits reaches the console, and the line is always ready") {
  std::string console;
  Serial serial([&](std::string_view text) { console += text; }, {}, [] {});
  Port port(serial);
  for (const char c : std::string("ok\n")) {
    CHECK((port.read(5) & 0x60) == 0x60);
    port.write(0, static_cast<std::uint8_t>(c));
  }
  CHECK(console == "ok\n");
}

TEST_CASE("what is typed is received byte by byte, with an interrupt when that is enabled") {
  unsigned raised = 0;
  Serial serial({}, {}, [&] { ++raised; });
  Port port(serial);
  serial.type("a");
  CHECK(raised == 0);
  port.write(1, 0x01);
  CHECK(std::exchange(raised, 0) != 0);
  CHECK((port.read(2) & 0x0f) == 0x04);
  CHECK((port.read(5) & 0x01) == 0x01);
  CHECK(port.read(0) == 'a');
  CHECK((port.read(5) & 0x01) == 0);
  CHECK((port.read(2) & 0x0f) == 0x01);
}

TEST_CASE("an enabled transmitter interrupt is raised at once, and reading its identity ends it") {
  unsigned raised = 0;
  Serial serial({}, {}, [&] { ++raised; });
  Port port(serial);
  port.write(1, 0x02);
  CHECK(std::exchange(raised, 0) != 0);
  CHECK((port.read(2) & 0x0f) == 0x02);
  CHECK((port.read(2) & 0x0f) == 0x01);
  port.write(0, 'x');
  CHECK(std::exchange(raised, 0) != 0);
}

TEST_CASE("the divisor latch hides data and interrupt-enable registers") {
  std::string console;
  Serial serial([&](std::string_view text) { console += text; }, {}, [] {});
  Port port(serial);
  port.write(3, 0x83);
  port.write(0, 0x34);
  port.write(1, 0x12);
  CHECK(port.read(0) == 0x34);
  CHECK(port.read(1) == 0x12);
  port.write(3, 0x03);
  CHECK(port.read(1) == 0);
  CHECK(console.empty());
}

TEST_CASE("a driver that probes by loopback finds a 16550A") {
  std::string console;
  Serial serial([&](std::string_view text) { console += text; }, {}, [] {});
  Port port(serial);
  port.write(4, 0x1a);  // loopback, OUT2, RTS
  CHECK((port.read(6) & 0xf0) == 0x90);
  port.write(0, 'z');
  CHECK(port.read(0) == 'z');
  CHECK(console.empty());
  port.write(2, 0x01);
  CHECK((port.read(2) & 0xc0) == 0xc0);
  port.write(7, 0x5a);
  CHECK(port.read(7) == 0x5a);
}

TEST_CASE("input beyond what the port holds is dropped, not kept without bound") {
  Serial serial({}, {}, [] {});
  Port port(serial);
  serial.type(std::string(1 << 20, 'x'));
  std::size_t received = 0;
  while ((port.read(5) & 0x01) != 0) {
    port.read(0);
    ++received;
  }
  CHECK(received == 64 * 1024);
}

TEST_CASE("a restored port has the registers of the saved one") {
  Serial serial({}, {}, [] {});
  Port port(serial);
  port.write(3, 0x1b);
  port.write(1, 0x05);
  port.write(7, 0x77);
  const auto state = serial.save();

  Serial restored({}, {}, [] {});
  base::ByteReader reader(state, "state", "serial");
  restored.restore(reader);
  reader.finish();
  Port other(restored);
  CHECK(other.read(3) == 0x1b);
  CHECK(other.read(1) == 0x05);
  CHECK(other.read(7) == 0x77);
  CHECK(restored.save() == state);
}

TEST_CASE("output beyond the limits is dropped and counted, and the console says how much was") {
  std::string console;
  // 20 bytes at once, and 20 more after a second.
  Serial serial([&](std::string_view text) { console += text; },
                {.per_second = {20}, .burst = {20}}, [] {});
  Port port(serial);
  const std::string notice = " bytes of console output were dropped]\r\n";
  std::size_t written = 0;
  while (console.find(notice) == std::string::npos) {
    port.write(0, '#');
    ++written;
  }
  CHECK(console.starts_with(std::string(20, '#')));
  CHECK(console.find("[" + std::to_string(serial.dropped()) + notice) != std::string::npos);
  const auto passed = static_cast<std::size_t>(std::ranges::count(console, '#'));
  CHECK(passed + serial.dropped() == written);
}

TEST_CASE("without output the limits drop nothing, and nothing is sent to no console") {
  Serial serial({}, {.per_second = {0}, .burst = {0}}, [] {});
  CHECK(serial.dropped() == 0);
  Port port(serial);
  port.write(0, 'x');
  CHECK(serial.dropped() == 1);
}
