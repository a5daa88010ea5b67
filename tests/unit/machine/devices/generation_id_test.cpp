// SPDX-License-Identifier: Apache-2.0

#include "machine/devices/generation_id.h"

#include <array>
#include <catch2/catch_test_macros.hpp>

#include <faasnap/error.h>

using namespace faasnap;

TEST_CASE("every renewal writes other bytes") {
  const memory::GuestMemory memory(memory::kMinimumSize);
  constexpr memory::GuestAddress kAddress{0xff000};
  machine::GenerationId id(memory, kAddress);
  using Value = std::array<std::byte, 16>;
  id.renew();
  const auto first = memory.read_value<Value>(kAddress);
  id.renew();
  const auto second = memory.read_value<Value>(kAddress);
  CHECK(first != second);
}

TEST_CASE("a generation id outside guest memory is an error") {
  const memory::GuestMemory memory(memory::kMinimumSize);
  machine::GenerationId id(memory, memory::GuestAddress{memory::kMinimumSize.value});
  CHECK_THROWS_AS(id.renew(), Error);
}
