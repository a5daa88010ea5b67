// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <array>
#include <catch2/generators/catch_generators.hpp>
#include <cstring>
#include <functional>
#include <variant>

#include "kvm/speed_probe.h"
#include "kvm/tiny_guest.h"
#include "kvm/vcpu_msrs.h"
#include "kvm/vcpu_state.h"

namespace faasnap::kvm {
namespace {

using test::error_kind;
using test::reader;
using test::TinyGuest;

VcpuState decode(const std::vector<std::byte>& bytes) {
  auto in = reader(bytes);
  return decode_vcpu_state(in);
}

void restore(VcpuFd& vcpu, const VcpuState& state) {
  const std::vector<std::byte> bytes = encode(state);
  auto in = reader(bytes);
  vcpu.restore(in);
}

// The state without what counts on while nothing runs.
std::vector<std::byte> still(const std::vector<std::byte>& bytes) {
  VcpuState state = decode(bytes);
  std::erase_if(state.msrs, [](const kvm_msr_entry& msr) { return msr.index == kMsrTsc; });
  return encode(state);
}

// Saves the guest of `first` after its next OUT, and runs it in `second` up to the one after that.
Exit go_on_in(TinyGuest& second, TinyGuest& first) {
  REQUIRE(std::holds_alternative<IoExit>(first.run()));
  REQUIRE(std::holds_alternative<Interrupted>(first.vcpu->complete_pending_io()));
  const std::vector<std::byte> saved = first.vcpu->save();

  std::ranges::copy(first.memory.host().first(0x10000), second.memory.host().begin());
  auto in = reader(saved);
  second.vcpu->restore(in);
  Exit exit = second.run();
  REQUIRE(std::holds_alternative<IoExit>(exit));
  return exit;
}

TEST_CASE("a guest goes on in another VM where it was saved") {
  TinyGuest first{0xb0, 0x05,    // mov al, 5
                  0xe6, 0x51,    // out 0x51, al
                  0xfe, 0xc0,    // inc al
                  0xe6, 0x51};   // out 0x51, al
  TinyGuest second{0x0f, 0x0b};  // ud2, overwritten by the memory of the first
  const Exit exit = go_on_in(second, first);
  CHECK(*std::get<IoExit>(exit).data == std::byte{6});
}

TEST_CASE("a guest's vector registers survive a save") {
  if (!__builtin_cpu_supports("avx")) {
    SKIP("a processor without AVX");
  }
  if (!probe_speed(test::open_or_skip()).usable) {
    SKIP("a KVM that emulates each instruction, and not those of AVX");
  }
  TinyGuest first{
      0x0f, 0x20, 0xe0,              // mov eax, cr4
      0x0d, 0x00, 0x06, 0x04, 0x00,  // or eax, OSXSAVE | OSXMMEXCPT | OSFXSR
      0x0f, 0x22, 0xe0,              // mov cr4, eax
      0x31, 0xc9,                    // xor ecx, ecx
      0x31, 0xd2,                    // xor edx, edx
      0xb8, 0x07, 0x00, 0x00, 0x00,  // mov eax, x87 | SSE | AVX
      0x0f, 0x01, 0xd1,              // xsetbv
      0xc7, 0x05, 0x00, 0x30, 0x00, 0x00, 0xa5, 0xa5, 0x5a, 0x5a,  // mov [0x3000], 0x5a5aa5a5
      0xc4, 0xe2, 0x7d, 0x18, 0x0d, 0x00, 0x30, 0x00, 0x00,        // vbroadcastss ymm1, [0x3000]
      0xe6, 0x51,                                                  // out 0x51, al
      0xc4, 0xe3, 0x7d, 0x19, 0x0d, 0x10, 0x30, 0x00, 0x00, 0x01,  // vextractf128 [0x3010], ymm1, 1
      0xa1, 0x1c, 0x30, 0x00, 0x00,                                // mov eax, [0x301c]
      0xe7, 0x51};                                                 // out 0x51, eax
  TinyGuest second{0x0f, 0x0b};  // ud2, overwritten by the memory of the first
  const Exit exit = go_on_in(second, first);
  std::uint32_t highest = 0;
  std::memcpy(&highest, std::get<IoExit>(exit).data, sizeof highest);
  CHECK(highest == 0x5a5aa5a5);
}

TEST_CASE("a finished IN is part of the saved registers") {
  TinyGuest guest{0xe4, 0x50, 0xf4};  // in al, 0x50; hlt
  const Exit exit = guest.run();
  REQUIRE(std::holds_alternative<IoExit>(exit));
  *std::get<IoExit>(exit).data = std::byte{0x5a};
  REQUIRE(std::holds_alternative<Interrupted>(guest.vcpu->complete_pending_io()));
  const VcpuState state = decode(guest.vcpu->save());
  CHECK((state.regs.rax & 0xff) == 0x5a);
  CHECK(state.regs.rip == test::kCode.value + 2);
}

TEST_CASE("each piece of a repeated IN is offered before the save") {
  TinyGuest guest{0xbf, 0x00, 0x30, 0x00, 0x00,  // mov edi, 0x3000
                  0xb9, 0x02, 0x00, 0x00, 0x00,  // mov ecx, 2
                  0xba, 0x50, 0x00, 0x00, 0x00,  // mov edx, 0x50
                  0xf3, 0x6c,                    // rep insb
                  0xf4};                         // hlt
  Exit exit = guest.run();
  std::uint32_t items = 0;
  while (auto* io = std::get_if<IoExit>(&exit)) {
    for (std::uint32_t i = 0; i < io->count; ++i) {
      io->data[i] = static_cast<std::byte>(0x60 + items++);
    }
    exit = guest.vcpu->complete_pending_io();
  }
  REQUIRE(std::holds_alternative<Interrupted>(exit));
  CHECK(items >= 1);
  CHECK(guest.memory.read_value<std::uint8_t>(memory::GuestAddress{0x3000}) == 0x60);
  CHECK(decode(guest.vcpu->save()).regs.rcx == 2 - items);
}

TEST_CASE("a second save of a vCPU that has not run is the same") {
  TinyGuest guest{0xe6, 0x51};
  CHECK(still(guest.vcpu->save()) == still(guest.vcpu->save()));
}

TEST_CASE("a save after a restore is what was restored") {
  TinyGuest first{0xb8, 0x78, 0x56, 0x34, 0x12, 0xe6, 0x51};  // mov eax, 0x12345678; out 0x51, al
  REQUIRE(std::holds_alternative<IoExit>(first.run()));
  REQUIRE(std::holds_alternative<Interrupted>(first.vcpu->complete_pending_io()));
  const std::vector<std::byte> saved = first.vcpu->save();
  TinyGuest second{0xf4};
  auto in = reader(saved);
  second.vcpu->restore(in);
  CHECK(still(second.vcpu->save()) == still(saved));
}

TEST_CASE("the TSC goes on from where it was saved") {
  TinyGuest first{0xf4};
  const VcpuState saved = decode(first.vcpu->save());
  TinyGuest second{0xf4};
  restore(*second.vcpu, saved);
  const VcpuState now = decode(second.vcpu->save());
  const auto tsc = [](const VcpuState& state) {
    const auto at = std::ranges::find(state.msrs, kMsrTsc, &kvm_msr_entry::index);
    REQUIRE(at != state.msrs.end());
    return static_cast<std::uint64_t>(at->data);
  };
  CHECK(tsc(now) >= tsc(saved));
  CHECK(tsc(now) - tsc(saved) < 60ULL * 1000 * saved.tsc_khz);
}

TEST_CASE("a vCPU is not restored on a host that lacks one of its features") {
  TinyGuest guest{0xf4};
  VcpuState state = decode(guest.vcpu->save());

  SECTION("a processor feature") {
    for (kvm_cpuid_entry2& entry : state.cpuid) {
      if (entry.function == 1) {
        entry.ecx |= 1u << 5;  // VMX, which is never offered
      }
    }
  }
  SECTION("a leaf that no guest is offered") {
    const std::uint32_t leaf = GENERATE(0xau, 0x14u, 0x15u, 0x8000000au, 0x80000022u);
    kvm_cpuid_entry2 entry{};
    entry.function = leaf;
    entry.eax = 0x08300802;
    state.cpuid.push_back(entry);
  }
  SECTION("a processor of another vendor") { state.cpuid.front().ebx ^= 1; }
  SECTION("a model-specific register") { state.msrs.push_back({0x12345678, 0, 1}); }
  const std::vector<std::byte> before = still(guest.vcpu->save());
  CHECK(error_kind([&] { restore(*guest.vcpu, state); }) == ErrorKind::version);
  CHECK(still(guest.vcpu->save()) == before);
}

// A class of registers: how to give it values of its own, and where those are.
struct RegisterClass {
  const char* name;
  std::function<void(VcpuState&)> fill;
  std::function<std::vector<std::uint64_t>(const VcpuState&)> read;
};

std::uint64_t lapic_register(const VcpuState& state, std::size_t offset) {
  std::uint32_t value = 0;
  std::memcpy(&value, state.lapic.regs + offset, sizeof value);
  return value;
}

void set_lapic_register(VcpuState& state, std::size_t offset, std::uint32_t value) {
  std::memcpy(state.lapic.regs + offset, &value, sizeof value);
}

kvm_msr_entry& msr_of(VcpuState& state, std::uint32_t index) {
  const auto at = std::ranges::find(state.msrs, index, &kvm_msr_entry::index);
  REQUIRE(at != state.msrs.end());
  return *at;
}

constexpr std::size_t kTaskPriority = 0x80;
constexpr std::size_t kSpurious = 0xf0;
constexpr std::size_t kRequested = 0x220;  // vectors 0x40 to 0x5f
constexpr std::size_t kTimerVector = 0x320;
constexpr std::size_t kXmm0 = 160 / 4;  // in words of 32 bits, as the header of XSAVE
constexpr std::size_t kStates = 512 / 4;
constexpr std::array<std::uint32_t, 4> kSystemCallMsrs = {0xc0000081, 0xc0000082, 0xc0000084,
                                                          0xc0000102};

constexpr const char* kXcr0 = "XCR0";

const std::vector<RegisterClass>& register_classes() {
  static const std::vector<RegisterClass> classes = {
      {"general registers", [](VcpuState& state) { state.regs.rbx = 0x1122334455667788; },
       [](const VcpuState& state) { return std::vector<std::uint64_t>{state.regs.rbx}; }},
      {"segments and control registers",
       [](VcpuState& state) {
         state.sregs.cr2 = 0x123000;
         state.sregs.gs.base = 0x456000;
       },
       [](const VcpuState& state) {
         return std::vector<std::uint64_t>{state.sregs.cr2, state.sregs.gs.base};
       }},
      {kXcr0,
       [](VcpuState& state) {
         state.xcrs.nr_xcrs = 1;
         state.xcrs.xcrs[0].xcr = 0;
         state.xcrs.xcrs[0].value = 3;  // x87 and SSE
       },
       [](const VcpuState& state) { return std::vector<std::uint64_t>{state.xcrs.xcrs[0].value}; }},
      {"vector registers",
       [](VcpuState& state) {
         state.xsave[kStates] |= 3;
         std::fill_n(state.xsave.begin() + kXmm0, 4, 0x5a5aa5a5);
       },
       [](const VcpuState& state) {
         return std::vector<std::uint64_t>{state.xsave[kXmm0], state.xsave[kXmm0 + 3]};
       }},
      {"debug registers",
       [](VcpuState& state) {
         state.debugregs.db[0] = 0x1111;
         state.debugregs.db[3] = 0x4444;
         state.debugregs.dr7 = 0x402;
       },
       [](const VcpuState& state) {
         return std::vector<std::uint64_t>{state.debugregs.db[0], state.debugregs.db[3],
                                           state.debugregs.dr7};
       }},
      {"LAPIC",
       [](VcpuState& state) {
         set_lapic_register(state, kSpurious, 0x1ff);     // on
         set_lapic_register(state, kTaskPriority, 0xf0);  // nothing is delivered
         set_lapic_register(state, kRequested, 1u << 21);
         set_lapic_register(state, kTimerVector, 0x1003d);
         state.sregs.cr8 = 0xf;
       },
       [](const VcpuState& state) {
         return std::vector<std::uint64_t>{
             lapic_register(state, kSpurious), lapic_register(state, kTaskPriority),
             lapic_register(state, kRequested), lapic_register(state, kTimerVector)};
       }},
      {"model-specific registers",
       [](VcpuState& state) {
         for (const std::uint32_t index : kSystemCallMsrs) {
           msr_of(state, index).data = index & 0xff;
         }
       },
       [](const VcpuState& state) {
         std::vector<std::uint64_t> values;
         for (const kvm_msr_entry& msr : state.msrs) {
           if (std::ranges::find(kSystemCallMsrs, msr.index) != kSystemCallMsrs.end()) {
             values.push_back(msr.data);
           }
         }
         return values;
       }},
      {"pending events",
       [](VcpuState& state) {
         state.events.nmi.masked = 1;
         state.events.nmi.pending = 1;
         state.events.flags |= KVM_VCPUEVENT_VALID_NMI_PENDING;
       },
       [](const VcpuState& state) {
         return std::vector<std::uint64_t>{state.events.nmi.masked, state.events.nmi.pending};
       }},
      {"state of a halted processor",
       [](VcpuState& state) { state.mp_state.mp_state = KVM_MP_STATE_HALTED; },
       [](const VcpuState& state) { return std::vector<std::uint64_t>{state.mp_state.mp_state}; }},
  };
  return classes;
}

TEST_CASE("each class of registers has its values in another vCPU") {
  TinyGuest first{0xf4};
  const VcpuState fresh = decode(first.vcpu->save());
  std::vector<RegisterClass> classes = register_classes();
  if (fresh.xcrs.nr_xcrs == 0) {  // a processor without XSAVE
    std::erase_if(classes, [](const auto& registers) { return registers.name == kXcr0; });
  }
  VcpuState state = fresh;
  for (const RegisterClass& registers : classes) {
    registers.fill(state);
  }
  TinyGuest second{0xf4};
  restore(*second.vcpu, state);
  const VcpuState restored = decode(second.vcpu->save());
  for (const RegisterClass& registers : classes) {
    INFO(registers.name);
    CHECK(registers.read(restored) == registers.read(state));
    CHECK(registers.read(restored) != registers.read(fresh));
  }
}

TEST_CASE("a timer that had expired when it was saved fires") {
  TinyGuest first{0xf4};
  VcpuState state = decode(first.vcpu->save());
  set_lapic_register(state, kSpurious, 0x1ff);
  set_lapic_register(state, kTimerVector, 0x400ec);  // TSC deadline
  msr_of(state, kMsrTscDeadline).data = 0;
  TinyGuest second{0xf4};
  restore(*second.vcpu, state);
  VcpuState restored = decode(second.vcpu->save());
  CHECK(msr_of(restored, kMsrTscDeadline).data == msr_of(state, kMsrTsc).data);
}

TEST_CASE("a register that cannot be written is passed over when it has that value") {
  TinyGuest guest{0xf4};
  VcpuState state = decode(guest.vcpu->save());
  state.msrs.push_back({0x12345678, 0, 0});
  CHECK_FALSE(error_kind([&] { restore(*guest.vcpu, state); }));
}

}  // namespace
}  // namespace faasnap::kvm
