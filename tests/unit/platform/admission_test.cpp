// SPDX-License-Identifier: Apache-2.0

#include "policy/admission.h"

#include <catch2/catch_test_macros.hpp>
#include <future>
#include <thread>

namespace platform {
namespace {

const HostLimits kHost{
    .concurrency = 2, .memory_mib = 1024, .queue = 1, .queue_timeout = std::chrono::seconds(20)};

Admission::Need need(const std::string& function, unsigned concurrency = 2,
                     std::uint64_t memory_mib = 256) {
  return {function, concurrency, memory_mib};
}

// Waits until as many invocations wait.
void await_waiting(const Admission& admission, std::size_t waiting) {
  while (admission.load().waiting != waiting) {
    std::this_thread::yield();
  }
}

std::string limit_that_refuses(Admission& admission, const Admission::Need& wanted) {
  try {
    admission.enter(wanted);
  } catch (const Throttled& error) {
    CHECK(error.retry_after() >= std::chrono::seconds(1));
    return error.limit();
  }
  return "none";
}

}  // namespace

TEST_CASE("invocations within the limits run at once, and count while they do") {
  Admission admission(kHost);
  {
    const auto a = admission.enter(need("a"));
    const auto b = admission.enter(need("b", 1, 512));
    CHECK(admission.load().running == 2);
    CHECK(admission.load().memory_mib == 768);
  }
  CHECK(admission.load().running == 0);
  CHECK(admission.load().memory_mib == 0);
}

TEST_CASE("a VM that a client keeps holds its memory, and runs only while it is used") {
  Admission admission({.concurrency = 1, .memory_mib = 512, .queue = 5});
  std::optional<Admission::Slot> kept(admission.enter(need("a", 1, 512)));
  kept->rest();
  kept->rest();
  CHECK(admission.load().running == 0);
  CHECK(admission.load().memory_mib == 512);
  {
    const auto again = admission.enter(need("a", 1, 0));
    CHECK(admission.load().running == 1);
    CHECK(admission.load().memory_mib == 512);
  }
  kept.reset();
  CHECK(admission.load().running == 0);
  CHECK(admission.load().memory_mib == 0);
}

TEST_CASE("one whose VM is there overtakes those that wait for memory") {
  Admission admission({.concurrency = 1, .memory_mib = 512, .queue = 5});
  std::optional<Admission::Slot> kept(admission.enter(need("a", 9, 512)));
  auto large = std::async(std::launch::async, [&] { return admission.enter(need("b", 9, 512)); });
  await_waiting(admission, 1);
  auto again = std::async(std::launch::async, [&] { return admission.enter(need("a", 9, 0)); });
  await_waiting(admission, 2);
  kept->rest();
  { const auto running = again.get(); }
  CHECK(admission.load().waiting == 1);
  kept.reset();
  const auto slot = large.get();
  CHECK(admission.load().memory_mib == 512);
}

TEST_CASE("one that has no room waits until another ends") {
  Admission admission(kHost);
  std::optional<Admission::Slot> first(admission.enter(need("a", 1)));
  auto second = std::async(std::launch::async, [&] { return admission.enter(need("a", 1)); });
  await_waiting(admission, 1);
  first.reset();
  const auto slot = second.get();
  CHECK(admission.load().running == 1);
  CHECK(admission.load().waiting == 0);
}

TEST_CASE("beyond the queue an invocation is turned away, with the limit that is to blame") {
  Admission admission(kHost);
  std::optional<Admission::Slot> first(admission.enter(need("a", 1)));
  auto second = std::async(std::launch::async, [&] { return admission.enter(need("a", 1)); });
  await_waiting(admission, 1);
  CHECK(limit_that_refuses(admission, need("a", 1)) == "function");
  // Another function has room, so that the queue is nothing to it.
  std::optional<Admission::Slot> other(admission.enter(need("b")));
  CHECK(limit_that_refuses(admission, need("c")) == "queue");
  other.reset();
  first.reset();
  second.get();
}

TEST_CASE("one that waits for memory is not overtaken by smaller ones") {
  Admission admission({.concurrency = 10, .memory_mib = 1024, .queue = 5});
  std::optional<Admission::Slot> first(admission.enter(need("a", 9, 768)));
  auto large = std::async(std::launch::async, [&] { return admission.enter(need("b", 9, 512)); });
  await_waiting(admission, 1);
  auto small = std::async(std::launch::async, [&] { return admission.enter(need("c", 9, 128)); });
  await_waiting(admission, 2);
  CHECK(admission.load().running == 1);
  first.reset();
  const auto slots = std::pair(large.get(), small.get());
  CHECK(admission.load().memory_mib == 640);
}

TEST_CASE("the time in the queue is bounded") {
  Admission admission({.concurrency = 1, .queue = 1, .queue_timeout = std::chrono::seconds(0)});
  const auto running = admission.enter(need("a"));
  CHECK(limit_that_refuses(admission, need("b")) == "queue");
  CHECK(admission.load().waiting == 0);
}

TEST_CASE("a function without concurrency is refused at once") {
  Admission admission(kHost);
  CHECK(limit_that_refuses(admission, need("a", 0)) == "function");
}

TEST_CASE("what the host never has room for is a wrong parameter") {
  Admission admission(kHost);
  try {
    admission.enter(need("a", 1, 2048));
    FAIL("it was let in");
  } catch (const RequestError& error) {
    CHECK(error.refusal() == Refusal::invalid);
  }
}

TEST_CASE("closing turns away who waits, and everyone after") {
  Admission admission(kHost);
  const auto running = admission.enter(need("a", 1));
  auto waiting = std::async(std::launch::async, [&] { return admission.enter(need("a", 1)); });
  await_waiting(admission, 1);
  admission.close();
  CHECK_THROWS_AS(waiting.get(), Throttled);
  CHECK_THROWS_AS(admission.enter(need("b")), Throttled);
  CHECK(admission.load().running == 1);
}

}  // namespace platform
