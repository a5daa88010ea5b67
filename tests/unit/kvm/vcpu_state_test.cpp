// SPDX-License-Identifier: Apache-2.0

#include "kvm/vcpu_state.h"

#include "kvm/tiny_guest.h"

namespace faasnap::kvm {
namespace {

using test::error_kind;
using test::reader;

VcpuState sample() {
  VcpuState state;
  state.cpuid.resize(3);
  state.cpuid[1].function = 1;
  state.cpuid[2].function = 7;
  state.cpuid[2].flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX;
  state.tsc_khz = 2'600'000;
  state.regs.rip = 0x1234;
  state.sregs.cr3 = 0x9000;
  state.msrs = {{0x10, 0, 5}, {0x6e0, 0, 9}};
  return state;
}

std::optional<ErrorKind> decode_error(const std::vector<std::byte>& bytes) {
  return error_kind([&] {
    auto in = reader(bytes);
    decode_vcpu_state(in);
  });
}

TEST_CASE("the state of a vCPU survives its encoding") {
  const std::vector<std::byte> bytes = encode(sample());
  auto in = reader(bytes);
  const VcpuState state = decode_vcpu_state(in);
  CHECK(state.cpuid.size() == 3);
  CHECK(state.cpuid[2].function == 7);
  CHECK(state.tsc_khz == 2'600'000);
  CHECK(state.regs.rip == 0x1234);
  CHECK(state.sregs.cr3 == 0x9000);
  CHECK(state.msrs[1].index == 0x6e0);
  CHECK(encode(state) == bytes);
}

TEST_CASE("a vCPU's state that ends early is corrupt, wherever it ends") {
  const std::vector<std::byte> bytes = encode(sample());
  for (std::size_t length = 0; length < bytes.size(); length += 7) {
    CHECK(decode_error({bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(length)}) ==
          ErrorKind::corrupt);
  }
}

TEST_CASE("a vCPU's state with something behind it is corrupt") {
  std::vector<std::byte> bytes = encode(sample());
  bytes.push_back(std::byte{0});
  CHECK(decode_error(bytes) == ErrorKind::corrupt);
}

TEST_CASE("counts that no vCPU has are corrupt") {
  SECTION("CPUID entries") {
    std::vector<std::byte> bytes = encode(sample());
    bytes[3] = std::byte{0xff};
    CHECK(decode_error(bytes) == ErrorKind::corrupt);
  }
  SECTION("the same CPUID entry twice") {
    VcpuState state = sample();
    state.cpuid[1] = state.cpuid[0];
    CHECK(decode_error(encode(state)) == ErrorKind::corrupt);
  }
  SECTION("extended control registers") {
    VcpuState state = sample();
    state.xcrs.nr_xcrs = KVM_MAX_XCRS + 1;
    CHECK(decode_error(encode(state)) == ErrorKind::corrupt);
  }
  SECTION("model-specific registers") {
    std::vector<std::byte> bytes = encode(sample());
    const std::size_t count = bytes.size() - 2 * 12 - 4;
    bytes[count + 3] = std::byte{0x7f};
    CHECK(decode_error(bytes) == ErrorKind::corrupt);
  }
}

TEST_CASE("a TSC rate of zero is corrupt") {
  VcpuState state = sample();
  state.tsc_khz = 0;
  CHECK(decode_error(encode(state)) == ErrorKind::corrupt);
}

}  // namespace
}  // namespace faasnap::kvm
