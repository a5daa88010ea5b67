// SPDX-License-Identifier: Apache-2.0

#include <sys/wait.h>

#include <algorithm>
#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <thread>
#include <vector>

#include "support.h"

using namespace faasnap;
using namespace faasnap::test;

namespace {

std::size_t entries_of(const char* directory) {
  return static_cast<std::size_t>(
      std::distance(std::filesystem::directory_iterator(directory), {}));
}

// Gives the guest a function that draws from each generator, once at its import and again at each
// invocation.
constexpr auto kAddDrawingFunction = R"(cp -r /opt/faasnap/functions /tmp/functions
cat >/tmp/functions/draw.py <<'END'
import random, ssl, tempfile, uuid
import numpy
own = random.Random()
generator = numpy.random.default_rng()
restored = 0
def after_restore():
    global restored
    restored += 1
def draw():
    return {"numpy": numpy.random.random(), "default_rng": generator.random(),
            "random": own.random(), "tempfile": tempfile.mktemp(),
            "ssl": ssl.RAND_bytes(8).hex(), "uuid4": str(uuid.uuid4())}
draw()
def handle(params, store):
    return {"drawn": draw(), "restored": restored}
END
mount --bind /tmp/functions /opt/faasnap/functions)";

}  // namespace

TEST_CASE("clones draw different numbers from every generator, without a word from the function") {
  require_kvm();
  const auto directory = fresh_path("drawing");
  {
    const ConsoleLog console;
    Guest guest = restore_base(console);
    run_in_shell(guest, console, kAddDrawingFunction);
    CHECK(guest.invoke("draw", nlohmann::json::object()).at("restored") == 0);
    guest.vm().snapshot(directory);
  }
  constexpr std::size_t kClones = 3;
  std::map<std::string, std::set<nlohmann::json>> drawn;
  for (std::size_t i = 0; i < kClones; ++i) {
    Guest clone = Guest::restore(Snapshot::open(directory));
    const auto first = clone.invoke("draw", nlohmann::json::object());
    for (const auto& [generator, value] : first.at("drawn").items()) {
      drawn[generator].insert(value);
    }
    CHECK(first.at("restored") == 1);
    CHECK(clone.invoke("draw", nlohmann::json::object()).at("restored") == 1);
  }
  CHECK(drawn.size() == 6);
  for (const auto& [generator, values] : drawn) {
    INFO(generator);
    CHECK(values.size() == kClones);
  }
  Snapshot::remove(directory);
}

TEST_CASE("a clone restored ten times gives ten different random numbers") {
  require_kvm();
  const Snapshot snapshot = base_snapshot();
  std::set<std::string> seen;
  for (int i = 0; i < 10; ++i) {
    seen.insert(Guest::restore(snapshot).health().at("random").get<std::string>());
  }
  CHECK(seen.size() == 10);
}

TEST_CASE("a paused VM makes no progress, and goes on when resumed") {
  require_kvm();
  Guest guest = Guest::restore(base_snapshot());
  CHECK(guest.health().at("status") == "ok");
  guest.vm().pause();
  CHECK(guest.vm().state() == VmState::paused);
  // The request is on its way, but nobody is there to answer it.
  CHECK_THROWS_AS(guest.channel().request("GET", "/healthz", "", std::chrono::seconds(2)), Error);
  guest.vm().resume();
  CHECK(guest.health().at("status") == "ok");
}

// The test above would pass without a generation id, since the agent reseeds before each request.
TEST_CASE("a clone's kernel reseeds its random numbers although nobody asks it to") {
  require_kvm();
  const auto directory = fresh_path("reseeds");
  const ConsoleLog first;
  Guest guest = restore_base(first);
  run_in_shell(guest, first, "echo 6 >/proc/sys/kernel/printk");
  const Snapshot snapshot = guest.vm().snapshot(directory);
  const ConsoleLog console;
  RestoreOptions options;
  options.attachments.console = console.sink();
  const Guest clone = Guest::restore(snapshot, options);
  const auto reseeded = [&] {
    return console.text().find("crng reseeded due to virtual machine fork") != std::string::npos;
  };
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (!reseeded() && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  CHECK(reseeded());
  Snapshot::remove(directory);
}

TEST_CASE("a snapshot taken under vsock load restores, its connections reset and its port open") {
  require_kvm();
  const auto directory = fresh_path("under-load");
  Guest guest = Guest::restore(base_snapshot());
  guest.health();
  std::atomic<bool> stop{false};
  std::thread load([&] {
    while (!stop) {
      guest.invoke("json", declared_input("json", 0));
    }
  });
  GuestStream idle = guest.vm().connect(kAgentPort, kPatience);
  const Snapshot snapshot = guest.vm().snapshot(directory);
  stop = true;
  load.join();

  Guest clone = Guest::restore(snapshot);
  CHECK(clone.health().at("status") == "ok");
  CHECK(clone.invoke("hello", {{"name", "clone"}}) == guest.invoke("hello", {{"name", "clone"}}));
  Snapshot::remove(directory);
}

TEST_CASE("a snapshot of a restored VM restores as well as the first") {
  require_kvm();
  const auto directory = fresh_path("second-generation");
  // What is saved in one place is restored in the other.
  const Place place = GENERATE(Place::worker, Place::here);
  {
    Guest guest = Guest::restore(base_snapshot(), {}, place);
    guest.invoke("hello", nlohmann::json::object());
    guest.vm().snapshot(directory);
  }
  Guest clone = Guest::restore(Snapshot::open(directory), {},
                               place == Place::worker ? Place::here : Place::worker);
  CHECK(clone.invoke("hello", {{"name", "again"}}).contains("message"));
  Snapshot::open(directory).verify();
  Snapshot::remove(directory);
}

TEST_CASE("16 clones run at once") {
  require_kvm();
  const Snapshot snapshot = base_snapshot();
  std::vector<Guest> guests;
  for (int i = 0; i < 16; ++i) {
    guests.push_back(Guest::restore(snapshot));
  }
  std::set<std::string> seen;
  for (Guest& guest : guests) {
    seen.insert(guest.health().at("random").get<std::string>());
  }
  CHECK(seen.size() == 16);
}

TEST_CASE("restored and destroyed VMs leave no descriptor, thread, mapping or process behind") {
  require_kvm();
  const auto [place, count] =
      GENERATE(table<Place, int>({{Place::here, 200}, {Place::worker, 20}}));
  const Snapshot snapshot = base_snapshot();
  const auto mappings = [] {
    std::ifstream maps("/proc/self/maps");
    return std::count(std::istreambuf_iterator<char>(maps), {}, '\n');
  };
  const auto cycle = [&] { Guest::restore(snapshot, {}, place); };
  for (int i = 0; i < 5; ++i) {
    cycle();  // the allocator's and the thread library's own caches fill up
  }
  const auto descriptors = entries_of("/proc/self/fd");
  const auto threads = entries_of("/proc/self/task");
  const auto before = mappings();
  for (int i = 0; i < count; ++i) {
    cycle();
  }
  CHECK(entries_of("/proc/self/fd") == descriptors);
  // A thread that has been joined is listed until the kernel has put it away.
  for (int turn = 0; turn < 1000 && entries_of("/proc/self/task") != threads; ++turn) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  CHECK(entries_of("/proc/self/task") == threads);
  // The allocator may map an arena more or less; a leak would show in each of them.
  CHECK(mappings() <= before + 8);
  CHECK(::waitpid(-1, nullptr, WNOHANG) == -1);
}

TEST_CASE("a VM takes less than 5 MiB besides its guest's memory") {
  require_kvm();
  const auto resident = [] {
    std::ifstream statm("/proc/self/statm");
    std::uint64_t total = 0;
    std::uint64_t pages = 0;
    statm >> total >> pages;
    return pages * kPageSize;
  };
  const Snapshot snapshot = base_snapshot();
  Guest first = Guest::restore(snapshot, {}, Place::here);
  first.health();
  const auto before = resident();
  Guest guest = Guest::restore(snapshot, {}, Place::here);
  guest.health();
  const auto added = resident() - before;
  const auto guest_memory = guest.vm().memory_usage().resident;
  CHECK(added < guest_memory.value + (5_MiB).value);
}
