// SPDX-License-Identifier: Apache-2.0

#include "base/vm_state.h"

#include <catch2/catch_test_macros.hpp>

namespace faasnap::base {
namespace {

TEST_CASE("An end is described by its state and, where there is one, its reason") {
  CHECK(describe_end(VmState::powered_off, {}) == "the guest has ended: powered_off");
  CHECK(describe_end(VmState::internal_error, "a vCPU failed") ==
        "the guest has ended: internal_error: a vCPU failed");
}

}  // namespace
}  // namespace faasnap::base
