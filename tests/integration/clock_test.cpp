// SPDX-License-Identifier: Apache-2.0

#include <time.h>

#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <cstdlib>
#include <string>
#include <thread>

#include "support.h"

using namespace faasnap;
using namespace faasnap::test;

namespace {

using std::chrono::seconds;

std::chrono::nanoseconds read_clock(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

void set_wall_clock(std::chrono::nanoseconds time) {
  const auto whole = std::chrono::floor<seconds>(time);
  const timespec wanted{whole.count(), (time - whole).count()};
  REQUIRE(::clock_settime(CLOCK_REALTIME, &wanted) == 0);
}

// The host's wall clock, put forward by this time until the object ends: a snapshot that was made
// before is then as old.
class LaterHost {
 public:
  explicit LaterHost(seconds later) : before_(wall_to_monotonic()) {
    set_wall_clock(read_clock(CLOCK_REALTIME) + later);
  }
  LaterHost(const LaterHost&) = delete;
  LaterHost& operator=(const LaterHost&) = delete;
  ~LaterHost() { set_wall_clock(read_clock(CLOCK_MONOTONIC) + before_); }

 private:
  static std::chrono::nanoseconds wall_to_monotonic() {
    return read_clock(CLOCK_REALTIME) - read_clock(CLOCK_MONOTONIC);
  }

  std::chrono::nanoseconds before_;
};

// Gives the guest a function that arms 1000 timers at its first invocation, 900 timerfds and 100
// threads that sleep. They are due 20 minutes later and on, one after the other, the last after
// three hours and a quarter. One more sleeper wakes after 30 s, and one more timerfd is due when
// the wall clock shows an hour later. Each invocation tells which have fired, and when.
constexpr auto kAddTimers = R"(cp -r /opt/faasnap/functions /tmp/functions
cat >/tmp/functions/timers.py <<'END'
import ctypes, os, threading, time
libc = ctypes.CDLL(None, use_errno=True)
class Spec(ctypes.Structure):
    _fields_ = [(name, ctypes.c_long) for name in ("every_s", "every_ns", "s", "ns")]
NONBLOCK, ABSOLUTE = 0o4000, 1
def timer(clock, due):
    fd = libc.timerfd_create(clock, NONBLOCK)
    if fd < 0 or libc.timerfd_settime(fd, ABSOLUTE, ctypes.byref(Spec(0, 0, int(due), 0)), None) != 0:
        raise OSError(ctypes.get_errno(), "timerfd")
    return fd
def fired(fd):
    try:
        return int.from_bytes(os.read(fd, 8), "little")
    except BlockingIOError:
        return 0
timers, woken, early = [], [], []
def sleeper(due, to):
    time.sleep(max(0, due - time.monotonic()))
    to.append(time.monotonic())
def arm():
    global wall, due_early
    threading.stack_size(256 * 1024)
    now = time.monotonic()
    due = [now + 1200 + 10.5 * i for i in range(1000)]
    timers.extend(timer(time.CLOCK_MONOTONIC, when) for when in due[:900])
    for when in due[900:]:
        threading.Thread(target=sleeper, args=(when, woken), daemon=True).start()
    due_early = time.monotonic() + 30
    threading.Thread(target=sleeper, args=(due_early, early), daemon=True).start()
    wall = timer(time.CLOCK_REALTIME, time.time() + 3600)
counts = []
def handle(params, store):
    if not timers:
        arm()
        counts.extend([0] * len(timers))
    for i, fd in enumerate(timers):
        counts[i] += fired(fd)
    return {"fired": sum(counts) + len(woken), "most": max(counts), "wall": fired(wall),
            "late_s": early[0] - due_early if early else None, "now_s": time.monotonic()}
END
mount --bind /tmp/functions /opt/faasnap/functions)";

constexpr int kTimers = 1000;
// Older than the last of them.
constexpr seconds kTimersAge = std::chrono::hours(4);

nlohmann::json ask_timers(Guest& guest) { return guest.invoke("timers", nlohmann::json::object()); }

// Asks until the early sleeper has woken.
nlohmann::json ask_when_early_is_due(Guest& guest) {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  nlohmann::json told = ask_timers(guest);
  while (told.at("late_s").is_null()) {
    REQUIRE(std::chrono::steady_clock::now() < end);
    std::this_thread::sleep_for(seconds(1));
    told = ask_timers(guest);
  }
  return told;
}

// Restores an old snapshot, with the time until it has answered an invocation.
struct OldClone {
  explicit OldClone(const Snapshot& snapshot, MonotonicClock clock)
      : start(std::chrono::steady_clock::now()),
        guest(
            Guest::restore(snapshot, {.clock = clock, .attachments = {.console = console.sink()}})),
        told(ask_timers(guest)),
        answered(std::chrono::steady_clock::now() - start) {}

  // What a kernel says if it cannot keep up.
  void check_kernel_is_at_ease() const {
    for (const char* complaint : {"lockup", "stall", "Call Trace", "hrtimer: interrupt took"}) {
      INFO(console.text());
      CHECK(console.text().find(complaint) == std::string::npos);
    }
  }

  ConsoleLog console;
  std::chrono::steady_clock::time_point start;
  Guest guest;
  nlohmann::json told;
  std::chrono::duration<double> answered;
};

}  // namespace

TEST_CASE("the wall clock of a restored guest is right, whatever becomes of its other clocks") {
  require_kvm();
  const Snapshot snapshot = base_snapshot();
  std::this_thread::sleep_for(std::chrono::seconds(3));
  Guest advanced = Guest::restore(snapshot, {.clock = MonotonicClock::advanced});
  CHECK(advanced.clock_error() < kClockTolerance);
  Guest continued = Guest::restore(snapshot);
  // Tells the agent the time, as an invocation does; it is late by the way of the request.
  const auto sent = std::chrono::steady_clock::now();
  continued.channel().request("GET", "/healthz", "", kPatience);
  const auto way = std::chrono::steady_clock::now() - sent;
  CHECK(continued.clock_error() < way + kClockTolerance);
}

TEST_CASE("a guest's monotonic clock stands still while it is a snapshot, unless it is advanced") {
  require_kvm();
  constexpr auto kAge = std::chrono::seconds(5);
  const auto uptime = [](Guest& guest) {
    return std::chrono::nanoseconds(guest.health().at("uptime_ns").get<std::int64_t>());
  };
  for (const MonotonicClock clock : {MonotonicClock::continued, MonotonicClock::advanced}) {
    const auto directory = fresh_path("clocks");
    const auto begun = std::chrono::steady_clock::now();
    std::chrono::nanoseconds before{};
    {
      Guest guest = Guest::restore(base_snapshot());
      before = uptime(guest);
      guest.vm().pause();
      guest.vm().snapshot(directory);
    }
    std::this_thread::sleep_for(kAge);
    Guest clone = Guest::restore(Snapshot::open(directory), {.clock = clock});
    const auto passed = uptime(clone) - before;
    if (clock == MonotonicClock::continued) {
      const auto elapsed = std::chrono::steady_clock::now() - begun;
      CHECK(passed >= std::chrono::nanoseconds(0));
      CHECK(passed < elapsed - kAge);
    } else {
      CHECK(passed >= kAge);
    }
    Snapshot::remove(directory);
  }
}

TEST_CASE("no timer of a snapshot that is hours old is overdue, unless the clock is advanced") {
  require_kvm();
  if (std::getenv("FAASNAP_IN_LAB") == nullptr) {
    SKIP("puts the wall clock forward, which only a lab's may be");
  }
  const auto directory = fresh_path("timers");
  nlohmann::json armed;
  {
    const ConsoleLog console;
    Guest guest = restore_base(console);
    run_in_shell(guest, console, kAddTimers);
    armed = ask_timers(guest);
    CHECK(armed.at("fired") == 0);
    guest.vm().pause();
    guest.vm().snapshot(directory);
  }
  const Snapshot snapshot = Snapshot::open(directory);
  const auto fresh = OldClone(snapshot, MonotonicClock::continued).answered;
  const LaterHost later(kTimersAge);
  {
    OldClone clone(snapshot, MonotonicClock::continued);
    INFO("fresh " << fresh.count() << " s, old " << clone.answered.count() << " s");
    CHECK(clone.answered < 5 * fresh + seconds(5));
    CHECK(clone.told.at("fired") == 0);
    // The request has set the wall clock, and what waits for that is due.
    const auto told = ask_when_early_is_due(clone.guest);
    CHECK(clone.told.at("wall").get<int>() + told.at("wall").get<int>() == 1);
    // 30 s of the guest's own time after it was armed, and not before.
    CHECK(told.at("late_s").get<double>() >= 0);
    CHECK(told.at("late_s").get<double>() < 60);
    CHECK(told.at("now_s").get<double>() - armed.at("now_s").get<double>() < 1200);
    CHECK(told.at("fired") == 0);
    clone.check_kernel_is_at_ease();
  }
  {
    OldClone clone(snapshot, MonotonicClock::advanced);
    const auto told = ask_when_early_is_due(clone.guest);
    CHECK(told.at("fired") == kTimers);
    CHECK(told.at("most") == 1);
    CHECK(told.at("now_s").get<double>() - armed.at("now_s").get<double>() >
          std::chrono::duration<double>(kTimersAge).count());
    clone.check_kernel_is_at_ease();
  }
  Snapshot::remove(directory);
}
