// SPDX-License-Identifier: Apache-2.0

#include "base/threads/event_loop.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <future>
#include <memory>
#include <stdexcept>

namespace faasnap::base {
namespace {

// A loop that keeps the failures of its callbacks.
struct Loop {
  std::atomic<int> failures = 0;
  EventLoop loop{[this](std::exception_ptr) { ++failures; }};
};

bool waits_for(const std::function<bool()>& condition) {
  for (int i = 0; i < 5000 && !condition(); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return condition();
}

TEST_CASE("run waits for the work and hands its exception over") {
  Loop test;
  bool done = false;
  bool on_loop = false;
  test.loop.run([&] {
    done = true;
    on_loop = test.loop.on_loop_thread();
  });
  CHECK(done);
  CHECK(on_loop);
  CHECK_FALSE(test.loop.on_loop_thread());
  CHECK_THROWS_AS(test.loop.run([] { throw std::runtime_error("x"); }), std::runtime_error);
  CHECK(test.failures == 0);
}

TEST_CASE("run called on the loop's thread runs at once") {
  Loop test;
  int order = 0;
  test.loop.run([&] {
    test.loop.run([&] { order = 1; });
    CHECK(order == 1);
    order = 2;
  });
  CHECK(order == 2);
}

TEST_CASE("posted work runs in the order of posting") {
  Loop test;
  std::vector<int> seen;
  for (int i = 0; i < 100; ++i) {
    test.loop.post([&seen, i] { seen.push_back(i); });
  }
  test.loop.run([] {});
  REQUIRE(seen.size() == 100);
  CHECK(std::is_sorted(seen.begin(), seen.end()));
}

TEST_CASE("work may post more work") {
  Loop test;
  std::promise<void> reached;
  test.loop.post([&] { test.loop.post([&] { reached.set_value(); }); });
  CHECK(reached.get_future().wait_for(std::chrono::seconds(5)) == std::future_status::ready);
}

TEST_CASE("a ready descriptor runs its callback until it is unwatched") {
  Loop test;
  EventFd event;
  std::atomic<int> calls = 0;
  test.loop.run([&] {
    test.loop.watch(event.get(), EPOLLIN, [&](std::uint32_t events) {
      CHECK((events & EPOLLIN) != 0);
      event.drain();
      ++calls;
    });
  });
  event.signal();
  CHECK(waits_for([&] { return calls == 1; }));
  test.loop.run([&] { test.loop.unwatch(event.get()); });
  event.signal();
  test.loop.run([] {});
  CHECK(calls == 1);
}

TEST_CASE("a callback may unwatch itself, and another one that is ready in the same round") {
  Loop test;
  EventFd first;
  EventFd second;
  std::atomic<int> calls = 0;
  const auto once = [&](std::uint32_t) {
    ++calls;
    test.loop.unwatch(first.get());
    test.loop.unwatch(second.get());
  };
  test.loop.run([&] {
    test.loop.watch(first.get(), EPOLLIN, once);
    test.loop.watch(second.get(), EPOLLIN, once);
    first.signal();
    second.signal();
  });
  CHECK(waits_for([&] { return calls > 0; }));
  test.loop.run([] {});
  CHECK(calls == 1);
}

TEST_CASE("the loop goes on after a callback or posted work threw") {
  Loop test;
  EventFd event;
  test.loop.run([&] {
    test.loop.watch(event.get(), EPOLLIN, [&](std::uint32_t) {
      event.drain();
      throw std::runtime_error("callback");
    });
  });
  event.signal();
  test.loop.post([] { throw std::runtime_error("posted"); });
  CHECK(waits_for([&] { return test.failures == 2; }));
  bool alive = false;
  test.loop.run([&] { alive = true; });
  CHECK(alive);
}

TEST_CASE("after stop, run still runs and post drops") {
  Loop test;
  test.loop.stop();
  test.loop.stop();
  bool ran = false;
  test.loop.run([&] { ran = true; });
  CHECK(ran);
  auto token = std::make_shared<int>(0);
  test.loop.post([token] {});
  CHECK(token.use_count() == 1);
}

TEST_CASE("a descriptor that cannot be watched is an error of the caller's") {
  Loop test;
  CHECK_THROWS(test.loop.run([&] { test.loop.watch(-1, EPOLLIN, [](std::uint32_t) {}); }));
  CHECK(test.failures == 0);
}

TEST_CASE("an event of a closed descriptor does not reach the one that has its number now") {
  Loop test;
  std::atomic<int> calls = 0;
  struct Pair {
    std::unique_ptr<EventFd> ends[2] = {std::make_unique<EventFd>(), std::make_unique<EventFd>()};
    std::unique_ptr<EventFd> fresh;
  } pair;
  std::atomic<bool> replaced = false;
  const auto replace = [&](int other) {
    const int number = pair.ends[other]->get();
    test.loop.unwatch(number);
    pair.ends[other].reset();
    pair.fresh = std::make_unique<EventFd>();
    REQUIRE(pair.fresh->get() == number);
    test.loop.watch(number, EPOLLIN, [&](std::uint32_t) { ++calls; });
    test.loop.unwatch(pair.ends[1 - other]->get());
    replaced = true;
  };
  test.loop.run([&] {
    for (const int i : {0, 1}) {
      test.loop.watch(pair.ends[i]->get(), EPOLLIN, [&, i](std::uint32_t) { replace(1 - i); });
      pair.ends[i]->signal();
    }
  });
  CHECK(waits_for([&] { return replaced.load(); }));
  test.loop.run([&] { test.loop.unwatch(pair.fresh->get()); });
  CHECK(calls == 0);
}

TEST_CASE("posted work waits for one callback, not for a round of them") {
  Loop test;
  constexpr int kEvents = 8;
  std::vector<EventFd> events(kEvents);
  std::atomic<int> callbacks = 0;
  std::atomic<int> before = -1;
  test.loop.run([&] {
    for (const EventFd& event : events) {
      test.loop.watch(event.get(), EPOLLIN, [&, &event = event](std::uint32_t) {
        event.drain();
        if (callbacks++ == 0) {
          test.loop.post([&] { before = callbacks.load(); });
        }
      });
      event.signal();
    }
  });
  CHECK(waits_for([&] { return callbacks == kEvents && before >= 0; }));
  CHECK(before == 1);
  test.loop.run([&] {
    for (const EventFd& event : events) {
      test.loop.unwatch(event.get());
    }
  });
}

TEST_CASE("a timer expires once, in the order of time, and may start again") {
  Loop test;
  std::vector<int> seen;
  std::atomic<bool> done = false;
  Timer again(test.loop, [&] {
    seen.push_back(3);
    if (seen.size() < 4) {
      again.start(Nanoseconds(0));
    } else {
      done = true;
    }
  });
  Timer first(test.loop, [&] { seen.push_back(1); });
  Timer second(test.loop, [&] {
    seen.push_back(2);
    again.start(Nanoseconds(0));
  });
  Timer never(test.loop, [&] { seen.push_back(9); });
  test.loop.run([&] {
    never.start(Nanoseconds(1));
    never.cancel();
    second.start(std::chrono::milliseconds(20));
    first.start(std::chrono::milliseconds(1));
    CHECK(first.running());
  });
  CHECK(waits_for([&] { return done.load(); }));
  test.loop.run([&] { CHECK_FALSE(again.running()); });
  CHECK(seen == std::vector<int>{1, 2, 3, 3});
}

TEST_CASE("a timer that has been destroyed does not expire, and its function may destroy it") {
  Loop test;
  std::atomic<int> calls = 0;
  std::unique_ptr<Timer> suicidal;
  suicidal = std::make_unique<Timer>(test.loop, [&] {
    ++calls;
    suicidal.reset();
  });
  test.loop.run([&] {
    suicidal->start(Nanoseconds(0));
    Timer gone(test.loop, [&] { calls += 100; });
    gone.start(Nanoseconds(0));
  });
  CHECK(waits_for([&] { return calls != 0; }));
  test.loop.run([] {});
  CHECK(calls == 1);
}

TEST_CASE("run from many threads against stop loses no work and hangs none") {
  for (int round = 0; round < 200; ++round) {
    auto loop = std::make_unique<Loop>();
    // Not atomic: work of one loop never runs beside other work of it.
    int ran = 0;
    std::atomic<int> posted = 0;
    std::vector<std::thread> callers;
    for (int i = 0; i < 3; ++i) {
      callers.emplace_back([&] {
        for (int call = 0; call < 20; ++call) {
          loop->loop.run([&] { ++ran; });
          loop->loop.post([&] { ++posted; });
        }
      });
    }
    std::thread other([&] { loop->loop.stop(); });
    loop->loop.stop();
    other.join();
    for (std::thread& caller : callers) {
      caller.join();
    }
    REQUIRE(ran == 60);
    REQUIRE(posted <= 60);
    loop.reset();
  }
}

}  // namespace
}  // namespace faasnap::base
