// SPDX-License-Identifier: Apache-2.0

// What a driver must not send: each stops the device, and nothing of the chain is released.
#include <catch2/catch_test_macros.hpp>

#include "virtio/balloon/balloon_rig.h"

namespace faasnap::virtio::test {
namespace {

constexpr std::uint64_t kMemoryPages = (128ULL << 20) / kPage;

}  // namespace

TEST_CASE("A report of memory that the guest has not stops the balloon") {
  BalloonRig rig;
  rig.driver.start();
  SECTION("beyond the end") {
    rig.expect_fault(kLinuxReportingQueue,
                     {BalloonRig::pages(0x4000, 1), BalloonRig::pages(kMemoryPages, 1)},
                     "is not guest memory");
  }
  SECTION("across the end") {
    rig.expect_fault(kLinuxReportingQueue,
                     {BalloonRig::pages(0x4000, 1), BalloonRig::pages(kMemoryPages - 1, 2)},
                     "is not guest memory");
  }
  SECTION("where the address overflows") {
    rig.expect_fault(kLinuxReportingQueue,
                     {BalloonRig::pages(0x4000, 1), {{~0xfffULL}, 2 * kPage, true}},
                     "is not guest memory");
  }
}

TEST_CASE("A report of parts of pages stops the balloon") {
  BalloonRig rig;
  rig.driver.start();
  SECTION("from the middle of one") {
    rig.expect_fault(kLinuxReportingQueue,
                     {BalloonRig::pages(0x4000, 1), {{0x5000800}, kPage, true}},
                     "free bytes at offset 0x800");
  }
  SECTION("to the middle of one") {
    rig.expect_fault(kLinuxReportingQueue,
                     {BalloonRig::pages(0x4000, 1), {{0x5000000}, kPage + 512, true}},
                     "report of 4608 free bytes");
  }
}

TEST_CASE("A report that the device would have to read stops the balloon") {
  BalloonRig rig;
  rig.driver.start();
  rig.expect_fault(kLinuxReportingQueue,
                   {{{0x4000 * kPage}, kPage, false}, BalloonRig::pages(0x4100, 1)},
                   "with a readable buffer");
}

TEST_CASE("A report whose descriptors form a loop stops the balloon") {
  BalloonRig rig;
  rig.driver.start();
  FakeQueue& queue = rig.driver.queues[kLinuxReportingQueue];
  queue.write_descriptor(0, {0x4000 * kPage, kPage, kNext | kWrite, 1});
  queue.write_descriptor(1, {0x4001 * kPage, kPage, kNext | kWrite, 0});
  queue.offer(0);
  rig.expect_fault("does not end");
}

TEST_CASE("Page numbers that make no sense stop the balloon") {
  BalloonRig rig;
  rig.driver.start();
  SECTION("of a page that the guest has not") {
    rig.expect_fault(kInflateQueue, {rig.numbers({0x4000, kMemoryPages})},
                     "page number 0x8000 is not guest memory");
  }
  SECTION("in the queue for pages that come back") {
    rig.expect_fault(kDeflateQueue, {rig.numbers({0xffffffff})},
                     "page number 0xffffffff is not guest memory");
  }
  SECTION("cut off") {
    Buffer buffer = rig.numbers({0x4000, 0x4001});
    buffer.length -= 1;
    rig.expect_fault(kInflateQueue, {buffer}, "page numbers: 7 bytes");
  }
  SECTION("more than anybody needs") {
    rig.expect_fault(kInflateQueue, {{{0x4000 * kPage}, 65540, false}},
                     "page numbers: 65540 bytes");
  }
  SECTION("to be written") {
    rig.expect_fault(kInflateQueue, {{{0x4000 * kPage}, 4, true}}, "with a writable buffer");
  }
}

}  // namespace faasnap::virtio::test
