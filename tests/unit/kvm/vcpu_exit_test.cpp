// SPDX-License-Identifier: Apache-2.0

#include <chrono>
#include <variant>

#include "kvm/tiny_guest.h"

namespace faasnap::kvm {
namespace {

using test::TinyGuest;

TEST_CASE("an OUT tells port, width and value") {
  TinyGuest guest{0xb8, 0x34, 0x12, 0x00, 0x00,  // mov eax, 0x1234
                  0x66, 0xe7, 0x52};             // out 0x52, ax
  const Exit exit = guest.run();
  const auto* io = std::get_if<IoExit>(&exit);
  REQUIRE(io != nullptr);
  CHECK(io->out);
  CHECK(io->port == 0x52);
  CHECK(io->size == 2);
  CHECK(io->count == 1);
  CHECK(io->data[0] == std::byte{0x34});
  CHECK(io->data[1] == std::byte{0x12});
}

TEST_CASE("what is filled in for an IN reaches the guest") {
  TinyGuest guest{0xe4, 0x50,   // in al, 0x50
                  0xe6, 0x51};  // out 0x51, al
  const Exit in = guest.run();
  REQUIRE(std::holds_alternative<IoExit>(in));
  REQUIRE_FALSE(std::get<IoExit>(in).out);
  *std::get<IoExit>(in).data = std::byte{0xa7};
  const Exit out = guest.run();
  REQUIRE(std::holds_alternative<IoExit>(out));
  CHECK(std::get<IoExit>(out).port == 0x51);
  CHECK(*std::get<IoExit>(out).data == std::byte{0xa7});
}

TEST_CASE("an access without memory behind it is an MMIO exit, both ways") {
  TinyGuest guest{0xb8, 0x78, 0x56, 0x34, 0x12,  // mov eax, 0x12345678
                  0xa3, 0x10, 0x00, 0x00, 0xd0,  // mov [0xd0000010], eax
                  0xa1, 0x20, 0x00, 0x00, 0xd0,  // mov eax, [0xd0000020]
                  0xe6, 0x51};                   // out 0x51, al
  const Exit write = guest.run();
  REQUIRE(std::holds_alternative<MmioExit>(write));
  CHECK(std::get<MmioExit>(write).write);
  CHECK(std::get<MmioExit>(write).address == memory::GuestAddress{0xd0000010});
  CHECK(std::get<MmioExit>(write).length == 4);
  CHECK(std::get<MmioExit>(write).data[3] == std::byte{0x12});

  const Exit read = guest.run();
  REQUIRE(std::holds_alternative<MmioExit>(read));
  CHECK_FALSE(std::get<MmioExit>(read).write);
  CHECK(std::get<MmioExit>(read).address == memory::GuestAddress{0xd0000020});
  std::get<MmioExit>(read).data[0] = std::byte{0x99};

  const Exit out = guest.run();
  REQUIRE(std::holds_alternative<IoExit>(out));
  CHECK(*std::get<IoExit>(out).data == std::byte{0x99});
}

TEST_CASE("a guest without an interrupt table that faults is shut down") {
  TinyGuest guest{0x0f, 0x0b};  // ud2
  CHECK(std::holds_alternative<Shutdown>(guest.run()));
}

TEST_CASE("with the immediate-exit flag set the guest does not run") {
  TinyGuest guest{0xe6, 0x51};  // out 0x51, al
  guest.vcpu->set_immediate_exit(true);
  CHECK(std::holds_alternative<Interrupted>(guest.vcpu->run()));
  CHECK(std::holds_alternative<Interrupted>(guest.vcpu->run()));
  guest.vcpu->set_immediate_exit(false);
  CHECK(std::holds_alternative<IoExit>(guest.run()));
}

TEST_CASE("telling a guest without a paravirtual clock that it was paused does no harm") {
  TinyGuest guest{0xe6, 0x51};  // out 0x51, al
  guest.vcpu->notify_guest_paused();
  CHECK(std::holds_alternative<IoExit>(guest.run()));
}

}  // namespace
}  // namespace faasnap::kvm
