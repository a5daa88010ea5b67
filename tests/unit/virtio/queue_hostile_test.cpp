// SPDX-License-Identifier: Apache-2.0

// Rings and descriptors that no driver may write.
#include "virtio/queue.h"

#include <sys/mman.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>

#include "virtio/queue_rig.h"

namespace faasnap::virtio::test {
namespace {}  // namespace

TEST_CASE("A chain that loops is a fault") {
  QueueRig rig;
  rig.driver.write_descriptor(0, {rig.area.value, 16, kNext, 1});
  rig.driver.write_descriptor(1, {rig.area.value, 16, kNext, 0});
  rig.driver.offer(0);
  rig.expect_fault("does not end");
}

TEST_CASE("An indirect table that loops is a fault") {
  QueueRig rig;
  rig.memory.write_value(rig.area, Descriptor{rig.area.value, 16, kNext, 0});
  rig.offer({rig.area.value, 16, kIndirect, 0});
  rig.expect_fault("does not end");
}

TEST_CASE("A head beyond the descriptor table is a fault") {
  QueueRig rig;
  rig.driver.offer(kSize);
  rig.expect_fault("descriptor 8 of a table of 8");
}

TEST_CASE("A successor beyond the descriptor table is a fault") {
  QueueRig rig;
  rig.offer({rig.area.value, 16, kNext, 9999});
  rig.expect_fault("descriptor 9999");
}

TEST_CASE("A buffer outside guest memory is a fault") {
  QueueRig rig;
  rig.offer({kMemorySize, 1, 0, 0});
  rig.expect_fault("is not guest memory");
}

TEST_CASE("A buffer that ends outside guest memory is a fault") {
  QueueRig rig;
  rig.offer({kMemorySize - 8, 9, kWrite, 0});
  rig.expect_fault("is not guest memory");
}

TEST_CASE("A buffer whose end overflows is a fault") {
  QueueRig rig;
  rig.offer({~0ULL - 4, 16, 0, 0});
  rig.expect_fault("is not guest memory");
}

TEST_CASE("A readable buffer after a writable one is a fault") {
  QueueRig rig;
  rig.driver.add({rig.writable(0, 16), rig.readable(16, 16)});
  rig.expect_fault("readable buffer after a writable one");
}

TEST_CASE("A buffer of no bytes is a fault") {
  QueueRig rig;
  rig.offer({rig.area.value, 0, 0, 0});
  rig.expect_fault("zero bytes");
}

TEST_CASE("An indirect table within an indirect table is a fault") {
  QueueRig rig;
  rig.memory.write_value(rig.area, Descriptor{rig.area.value, 16, kIndirect, 0});
  rig.offer({rig.area.value, 16, kIndirect, 0});
  rig.expect_fault("within an indirect table");
}

TEST_CASE("An indirect descriptor with a successor is a fault") {
  QueueRig rig;
  rig.offer({rig.area.value, 16, kIndirect | kNext, 1});
  rig.expect_fault("with a next descriptor");
}

TEST_CASE("An indirect table of part of a descriptor is a fault") {
  QueueRig rig;
  rig.offer({rig.area.value, 24, kIndirect, 0});
  rig.expect_fault("indirect table of 24 bytes");
}

TEST_CASE("An empty indirect table is a fault") {
  QueueRig rig;
  rig.offer({rig.area.value, 0, kIndirect, 0});
  rig.expect_fault("indirect table of 0 bytes");
}

TEST_CASE("An indirect table that is too long is a fault") {
  QueueRig rig;
  rig.offer({rig.area.value, 16 * (kMaximumChainLength + 1), kIndirect, 0});
  rig.expect_fault("indirect table of");
}

TEST_CASE("An indirect table outside guest memory is a fault") {
  QueueRig rig;
  rig.offer({kMemorySize - 16, 32, kIndirect, 0});
  rig.expect_fault("is not guest memory");
}

TEST_CASE("A chain too long, part direct and part indirect, is a fault") {
  QueueRig rig;
  std::vector<Buffer> buffers(kMaximumChainLength + 1, rig.readable(0, 1));
  rig.driver.add_indirect(buffers, 1);
  rig.expect_fault("chain of more than");
}

TEST_CASE("An available index too far ahead is a fault") {
  QueueRig rig;
  rig.driver.set_available_index(kSize + 1);
  rig.expect_fault("available index 9");
}

TEST_CASE("An available index that goes back is a fault") {
  QueueRig rig;
  rig.driver.add({rig.readable(0, 1)});
  REQUIRE(rig.queue.pop(rig.chain));
  rig.queue.push_used(rig.chain.head, 0);
  rig.driver.set_available_index(0);
  rig.expect_fault("65535 ahead");
}

TEST_CASE("More chains in use than the queue has entries is a fault") {
  QueueRig rig;
  rig.driver.write_descriptor(0, {rig.area.value, 1, 0, 0});
  for (unsigned i = 0; i < kSize; ++i) {
    rig.driver.offer(0);
    REQUIRE(rig.queue.pop(rig.chain));
  }
  rig.driver.offer(0);
  rig.expect_fault("with 8 chains in use");
}

TEST_CASE("A device's own fault ends the queue") {
  QueueRig rig;
  rig.driver.add({rig.readable(0, 1)});
  rig.queue.fault("makes no sense");
  rig.expect_fault("makes no sense");
}

TEST_CASE("A chain that names much memory brings in only what the device uses") {
  QueueRig rig;
  rig.memory.guard({.intact = {}, .refused = [](PageRange, const std::string&) {}});
  // Counts the pages in memory from `start` on.
  const auto resident = [&](std::uint64_t start, std::uint64_t length) {
    std::vector<unsigned char> pages(length / kPageSize);
    REQUIRE(::mincore(rig.memory.host().data() + start, length, pages.data()) == 0);
    return std::count_if(pages.begin(), pages.end(), [](unsigned char page) { return page & 1; });
  };
  constexpr std::uint64_t kStart = 32 << 20;
  constexpr std::uint32_t kLength = 64 << 20;
  rig.driver.add_indirect(
      std::vector<Buffer>(kMaximumChainLength, Buffer{GuestAddress{kStart}, kLength, false}));
  REQUIRE(rig.queue.pop(rig.chain));
  CHECK(total_size(rig.chain.readable) == std::uint64_t{kLength} * kMaximumChainLength);
  CHECK(resident(kStart, kLength) == 0);
  CHECK(rig.queue.admit(rig.chain.readable, kPageSize - 1, 2));
  // Two pages, or as many as two huge ones have.
  CHECK(resident(kStart, kLength) >= 2);
  CHECK(resident(kStart, kLength) <= 1024);
  CHECK(rig.owner.faults == 0);
}

TEST_CASE("Bytes that a chain does not have, or that are unavailable, are a fault") {
  QueueRig rig;
  bool refuse = false;
  rig.memory.guard(
      {.intact = [&] { return !refuse; }, .refused = [](PageRange, const std::string&) {}});
  rig.driver.add({rig.readable(0, 100)});
  REQUIRE(rig.queue.pop(rig.chain));
  CHECK(rig.queue.admit(rig.chain.readable, 0, 100));
  SECTION("beyond the end") { CHECK_FALSE(rig.queue.admit(rig.chain.readable, 1, 100)); }
  SECTION("unavailable") {
    refuse = true;
    CHECK_FALSE(rig.queue.admit(rig.chain.readable, 0, 1));
  }
  CHECK(rig.owner.faults == 1);
}

}  // namespace faasnap::virtio::test
