// SPDX-License-Identifier: Apache-2.0

#include "kvm/vm_fd.h"

#include <catch2/generators/catch_generators.hpp>
#include <chrono>
#include <cstring>
#include <thread>
#include <variant>

#include "base/clock.h"
#include "kvm/ioctl.h"
#include "kvm/tiny_guest.h"

namespace faasnap::kvm {
namespace {

using test::error_kind;
using test::reader;
using test::TinyGuest;

constexpr std::uint64_t kSecond = 1'000'000'000;

// A saved VM ends in the guest's clock and the host's.
struct Clocks {
  std::uint64_t guest = 0;
  std::uint64_t host = 0;
};

Clocks clocks(const std::vector<std::byte>& saved) {
  Clocks value;
  std::memcpy(&value, saved.data() + saved.size() - sizeof(value), sizeof(value));
  return value;
}

void set_clocks(std::vector<std::byte>& saved, Clocks value) {
  std::memcpy(saved.data() + saved.size() - sizeof(value), &value, sizeof(value));
}

void raise_line(const VmFd& vm, std::uint32_t gsi) {
  kvm_irq_level line{};
  line.irq = gsi;
  line.level = 1;
  checked_ioctl(vm.fd(), KVM_IRQ_LINE, &line, "KVM_IRQ_LINE");
}

void restore(VmFd& vm, const std::vector<std::byte>& saved,
             MonotonicClock clock = MonotonicClock::continued) {
  auto in = reader(saved);
  vm.restore(in, clock);
}

TEST_CASE("a guest's write to an ioeventfd signals it and is no exit") {
  TinyGuest guest{0xc7, 0x05, 0x50, 0x00, 0x00, 0xd0,  // mov dword [0xd0000050], 3
                  0x03, 0x00, 0x00, 0x00,              //
                  0xe6, 0x51};                         // out 0x51, al
  const base::EventFd event;
  const base::EventFd other;
  guest.vm.attach_ioeventfd(event, memory::GuestAddress{0xd0000050}, 4, 3);
  guest.vm.attach_ioeventfd(other, memory::GuestAddress{0xd0000050}, 4, 4);
  CHECK(std::holds_alternative<IoExit>(guest.run()));
  CHECK(event.drain());
  CHECK_FALSE(other.drain());
}

TEST_CASE("a signal on an irqfd reaches the interrupt controller") {
  TinyGuest guest{0xf4};
  const base::EventFd event;
  guest.vm.attach_irqfd(event, 5);
  const auto requested = [&] {
    kvm_irqchip master{};
    std::memcpy(&master, guest.vm.save().data(), sizeof(master));
    return (master.chip.pic.irr & (1 << 5)) != 0;
  };
  REQUIRE_FALSE(requested());
  event.signal();
  const Nanoseconds deadline = base::monotonic_now() + std::chrono::seconds(5);
  while (!requested() && base::monotonic_now() < deadline) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  CHECK(requested());
}

TEST_CASE("interrupt controllers are restored as they were saved") {
  TinyGuest first{0xf4};
  raise_line(first.vm, 7);
  const std::vector<std::byte> saved = first.vm.save();
  TinyGuest second{0xf4};
  restore(second.vm, saved);
  const std::vector<std::byte> again = second.vm.save();
  const std::size_t chips = 3 * sizeof(kvm_irqchip);
  CHECK(std::equal(saved.begin(), saved.begin() + chips, again.begin()));
}

TEST_CASE("the guest's clock goes on from where it was, however long ago that is") {
  TinyGuest guest{0xf4};
  std::vector<std::byte> saved = guest.vm.save();
  constexpr std::uint64_t kThen = 1'000'000 * kSecond;
  const std::uint64_t age = GENERATE(0, 100, 100'000) * kSecond;
  set_clocks(saved, {kThen, clocks(saved).host - age});
  restore(guest.vm, saved);
  const std::uint64_t restored = clocks(guest.vm.save()).guest;
  CHECK(restored >= kThen);
  CHECK(restored < kThen + 60 * kSecond);
}

TEST_CASE("the guest's clock is advanced by the time since the save where that is asked for") {
  TinyGuest guest{0xf4};
  std::vector<std::byte> saved = guest.vm.save();
  const Clocks now = clocks(saved);
  set_clocks(saved, {now.guest, now.host - 100 * kSecond});
  restore(guest.vm, saved, MonotonicClock::advanced);
  const std::uint64_t restored = clocks(guest.vm.save()).guest;
  CHECK(restored >= now.guest + 100 * kSecond);
  CHECK(restored < now.guest + 160 * kSecond);
}

TEST_CASE("the guest's clock is not turned back when the host's was") {
  TinyGuest guest{0xf4};
  std::vector<std::byte> saved = guest.vm.save();
  const Clocks now = clocks(saved);
  set_clocks(saved, {now.guest, now.host + 1000 * kSecond});
  restore(guest.vm, saved, GENERATE(MonotonicClock::continued, MonotonicClock::advanced));
  CHECK(clocks(guest.vm.save()).guest >= now.guest);
}

TEST_CASE("a damaged state of a VM is corrupt and changes nothing") {
  TinyGuest guest{0xf4};
  std::vector<std::byte> saved = guest.vm.save();
  raise_line(guest.vm, 7);
  const std::vector<std::byte> before = guest.vm.save();

  SECTION("it ends early") { saved.pop_back(); }
  SECTION("something follows it") { saved.push_back(std::byte{0}); }
  SECTION("an interrupt controller is another one") { saved[0] = std::byte{2}; }
  SECTION("the guest's clock is out of range") { set_clocks(saved, {~0ULL, 0}); }
  SECTION("the host's clock is out of range") { set_clocks(saved, {0, ~0ULL}); }
  CHECK(error_kind([&] { restore(guest.vm, saved); }) == ErrorKind::corrupt);
  const std::vector<std::byte> after = guest.vm.save();
  CHECK(std::equal(before.begin(), before.begin() + 3 * sizeof(kvm_irqchip), after.begin()));
}

}  // namespace
}  // namespace faasnap::kvm
