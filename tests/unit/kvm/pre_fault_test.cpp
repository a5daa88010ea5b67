// SPDX-License-Identifier: Apache-2.0

#include "kvm/tiny_guest.h"

namespace faasnap::kvm {
namespace {

TEST_CASE("pre-faulting guest memory does all of the range, and keeps its content") {
  test::TinyGuest guest{0xf4};
  if (!supports_pre_fault(guest.system)) {
    CHECK(test::error_kind([&] {
            guest.vcpu->pre_fault(memory::GuestAddress{0x100000}, 16 * kPageSize);
          }) == ErrorKind::unsupported);
    SKIP("this host's KVM lacks KVM_PRE_FAULT_MEMORY (Linux 6.11)");
  }
  guest.memory.write_value(memory::GuestAddress{0x101000}, std::uint32_t{0xfeedface});
  CHECK(guest.vcpu->pre_fault(memory::GuestAddress{0x100000}, 16 * kPageSize) == 16 * kPageSize);
  CHECK(guest.memory.read_value<std::uint32_t>(memory::GuestAddress{0x101000}) == 0xfeedface);
}

}  // namespace
}  // namespace faasnap::kvm
