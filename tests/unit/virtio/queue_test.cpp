// SPDX-License-Identifier: Apache-2.0

#include "virtio/queue.h"

#include <catch2/catch_test_macros.hpp>

#include "virtio/queue_rig.h"

namespace faasnap::virtio::test {
namespace {}  // namespace

TEST_CASE("An empty queue yields nothing and is no fault") {
  QueueRig rig;
  CHECK_FALSE(rig.queue.pop(rig.chain));
  CHECK(rig.owner.faults == 0);
}

TEST_CASE("An unused queue yields nothing") {
  Queue queue;
  DescriptorChain chain;
  CHECK_FALSE(queue.in_use());
  CHECK_FALSE(queue.pop(chain));
  CHECK_FALSE(queue.enable_notifications());
}

TEST_CASE("A chain comes out with its buffers by direction and in order") {
  QueueRig rig;
  const auto head = rig.driver.add(
      {rig.readable(0, 16), rig.readable(64, 32), rig.writable(128, 8), rig.writable(256, 1)});
  REQUIRE(rig.queue.pop(rig.chain));
  CHECK(rig.chain.head == head);
  REQUIRE(rig.chain.readable.size() == 2);
  REQUIRE(rig.chain.writable.size() == 2);
  CHECK(rig.chain.readable[1].iov_base == rig.memory.host().data() + rig.area.value + 64);
  CHECK(rig.chain.readable[1].iov_len == 32);
  CHECK(total_size(rig.chain.writable) == 9);
}

TEST_CASE("A returned chain appears in the used ring with its length") {
  QueueRig rig;
  const auto head = rig.driver.add({rig.writable(0, 100)});
  REQUIRE(rig.queue.pop(rig.chain));
  rig.queue.push_used(rig.chain.head, 77);
  const auto used = rig.driver.take_used();
  REQUIRE(used);
  CHECK(used->head == head);
  CHECK(used->length == 77);
}

TEST_CASE("A chain that was put back comes again") {
  QueueRig rig;
  const auto first = rig.driver.add({rig.writable(0, 100)});
  rig.driver.add({rig.writable(100, 100)});
  REQUIRE(rig.queue.pop(rig.chain));
  rig.queue.undo_pop();
  REQUIRE(rig.queue.pop(rig.chain));
  CHECK(rig.chain.head == first);
}

TEST_CASE("Indices wrap around 65536") {
  QueueRig rig;
  for (unsigned i = 0; i < 70000; ++i) {
    rig.driver.add({rig.writable(0, 1)});
    REQUIRE(rig.queue.pop(rig.chain));
    rig.queue.push_used(rig.chain.head, 1);
    rig.queue.signal_used();
    REQUIRE(rig.driver.take_used());
  }
  CHECK(rig.owner.interrupts == 70000);
  CHECK(rig.owner.faults == 0);
}

TEST_CASE("Indirect descriptors give the same buffers as direct ones") {
  QueueRig rig;
  std::vector<Buffer> buffers;
  for (std::uint32_t i = 0; i < 100; ++i) {
    buffers.push_back(i < 50 ? rig.readable(i * 64, 16) : rig.writable(i * 64, 32));
  }
  rig.driver.add_indirect(buffers);
  REQUIRE(rig.queue.pop(rig.chain));
  CHECK(rig.chain.readable.size() == 50);
  CHECK(total_size(rig.chain.writable) == 50 * 32);
}

TEST_CASE("An indirect table may follow direct descriptors") {
  QueueRig rig;
  const std::vector<Buffer> buffers{rig.readable(0, 16), rig.readable(16, 16), rig.writable(32, 1)};
  rig.driver.add_indirect(buffers, 2);
  REQUIRE(rig.queue.pop(rig.chain));
  CHECK(rig.chain.readable.size() == 2);
  CHECK(rig.chain.writable.size() == 1);
}

TEST_CASE("Overlapping buffers are the driver's own business") {
  QueueRig rig;
  rig.driver.add({rig.readable(0, 64), rig.readable(32, 64), rig.writable(16, 64)});
  REQUIRE(rig.queue.pop(rig.chain));
  CHECK(total_size(rig.chain.readable) == 128);
  CHECK(rig.owner.faults == 0);
}

TEST_CASE("With an event index the driver is interrupted only when it is passed") {
  QueueRig rig;
  rig.driver.wants_interrupts = false;
  const auto complete_one = [&rig] {
    rig.driver.add({rig.writable(0, 1)});
    REQUIRE(rig.queue.pop(rig.chain));
    rig.queue.push_used(rig.chain.head, 1);
    rig.queue.signal_used();
    REQUIRE(rig.driver.take_used());
  };
  rig.driver.set_used_event(2);  // the third one
  complete_one();
  complete_one();
  CHECK(rig.owner.interrupts == 0);
  complete_one();
  CHECK(rig.owner.interrupts == 1);
  complete_one();
  CHECK(rig.owner.interrupts == 1);
}

TEST_CASE("Several returned chains make one interrupt") {
  QueueRig rig;
  for (unsigned i = 0; i < 5; ++i) {
    rig.driver.add({rig.writable(i, 1)});
  }
  while (rig.queue.pop(rig.chain)) {
    rig.queue.push_used(rig.chain.head, 1);
  }
  rig.queue.signal_used();
  rig.queue.signal_used();
  CHECK(rig.owner.interrupts == 1);
}

TEST_CASE("Without an event index the driver's flag suppresses interrupts") {
  QueueRig rig(false);
  rig.driver.set_no_interrupt_flag(true);
  rig.driver.add({rig.writable(0, 1)});
  REQUIRE(rig.queue.pop(rig.chain));
  rig.queue.push_used(rig.chain.head, 1);
  rig.queue.signal_used();
  CHECK(rig.owner.interrupts == 0);
  rig.driver.set_no_interrupt_flag(false);
  rig.driver.add({rig.writable(0, 1)});
  REQUIRE(rig.queue.pop(rig.chain));
  rig.queue.push_used(rig.chain.head, 1);
  rig.queue.signal_used();
  CHECK(rig.owner.interrupts == 1);
}

TEST_CASE("The driver need not kick before notifications are enabled, and must afterwards") {
  QueueRig rig;
  rig.driver.add({rig.readable(0, 1)});
  CHECK(rig.driver.needs_kick());
  REQUIRE(rig.queue.pop(rig.chain));
  rig.driver.add({rig.readable(0, 1)});
  CHECK_FALSE(rig.driver.needs_kick());
  CHECK(rig.queue.enable_notifications());  // what came unannounced is found
  REQUIRE(rig.queue.pop(rig.chain));
  CHECK_FALSE(rig.queue.enable_notifications());
  rig.driver.add({rig.readable(0, 1)});
  CHECK(rig.driver.needs_kick());
}

TEST_CASE("Notifications can be asked for beyond chains that are available already") {
  QueueRig rig;
  rig.driver.add({rig.readable(0, 1)});
  rig.driver.add({rig.readable(0, 1)});
  rig.driver.needs_kick();
  CHECK_FALSE(rig.queue.enable_notifications(rig.queue.available()));
  rig.driver.add({rig.readable(0, 1)});
  CHECK(rig.driver.needs_kick());
  CHECK(rig.queue.enable_notifications(2));
}

TEST_CASE("A queue goes on from a saved position") {
  QueueRig rig;
  for (unsigned i = 0; i < 3; ++i) {
    rig.driver.add({rig.writable(0, 1)});
    REQUIRE(rig.queue.pop(rig.chain));
    rig.queue.push_used(rig.chain.head, 1);
    REQUIRE(rig.driver.take_used());
  }
  Queue continued(rig.memory, rig.driver.layout(), true, rig.queue.position(), rig.owner);
  CHECK_FALSE(continued.pop(rig.chain));
  const auto head = rig.driver.add({rig.writable(0, 1)});
  REQUIRE(continued.pop(rig.chain));
  continued.push_used(rig.chain.head, 1);
  const auto used = rig.driver.take_used();
  REQUIRE(used);
  CHECK(used->head == head);
}

TEST_CASE("Layouts that no driver may ask for are named") {
  memory::GuestMemory memory{Bytes{kMemorySize}};
  const QueueLayout good{8, {0x1000}, {0x2000}, {0x3000}};
  CHECK(check_layout(memory, good, 8).empty());
  const auto defect = [&](auto change) {
    QueueLayout layout = good;
    change(layout);
    return check_layout(memory, layout, 8);
  };
  const auto has = [](const std::string& text, const char* part) {
    return text.find(part) != std::string::npos;
  };
  CHECK(has(defect([](auto& l) { l.size = 0; }), "queue size is 0"));
  CHECK(has(defect([](auto& l) { l.size = 6; }), "queue size is 6"));
  CHECK(has(defect([](auto& l) { l.size = 16; }), "queue size is 16"));
  CHECK(has(defect([](auto& l) { l.descriptors.value += 8; }), "descriptor table"));
  CHECK(has(defect([](auto& l) { l.available.value += 1; }), "available ring"));
  CHECK(has(defect([](auto& l) { l.used.value += 2; }), "used ring"));
  CHECK(has(defect([](auto& l) { l.descriptors.value = kMemorySize - 16; }), "not guest memory"));
  CHECK(has(defect([](auto& l) { l.available.value = kMemorySize; }), "not guest memory"));
  CHECK(has(defect([](auto& l) { l.used.value = ~0ULL - 3; }), "not guest memory"));
}

}  // namespace faasnap::virtio::test
