// SPDX-License-Identifier: Apache-2.0

#include <faasnap/restored_memory.h>
#include <faasnap/snapshot.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <cstring>
#include <fstream>
#include <random>
#include <thread>

#include "functions/machine.h"
#include "functions/snapshots.h"
#include "policy/refresh.h"
#include "redis/redis_fixture.h"
#include "support/support.h"

namespace platform {
namespace {

namespace fs = std::filesystem;

constexpr faasnap::Bytes kMemory{128 << 20};
// Pages with content, from the first on.
constexpr std::uint64_t kFilled = 4096;
constexpr std::uint64_t kRecorded = 1000;

// A recording of the pages from `first` on.
faasnap::WorkingSet pages_of(const std::string& id, std::uint64_t first, std::uint64_t count) {
  std::vector<faasnap::PageAccess> accesses;
  for (std::uint64_t i = 0; i < count; ++i) {
    accesses.push_back(
        {.page = {first + i}, .time = faasnap::Nanoseconds(static_cast<std::int64_t>(i))});
  }
  return faasnap::WorkingSet::from_accesses(id, kMemory, std::move(accesses));
}

std::set<std::string> names_in(const fs::path& directory) {
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(directory)) {
    names.insert(entry.path().filename());
  }
  return names;
}

// The state directory of a platform.
class State {
 public:
  State() { config_.state = scratch_.path(); }

  // Makes a snapshot of the revision "r", in which the first kRecorded pages of the guest are
  // recorded. No VM can be made of it.
  void add_snapshot() const {
    void* const memory =
        ::mmap(nullptr, kMemory.value, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    REQUIRE(memory != MAP_FAILED);
    std::memset(memory, 7, kFilled * faasnap::kPageSize);
    const auto image = faasnap::Snapshot::create(
        config_.state / "image", {static_cast<const std::byte*>(memory), kMemory.value});
    ::munmap(memory, kMemory.value);
    const auto recorded = pages_of(image.info().id, 0, kRecorded);
    faasnap::SnapshotOptions options;
    options.working_set = &recorded;
    fs::create_directories(directory());
    image.derive(directory() / "r", options);
  }

  const Config& config() const { return config_; }
  fs::path directory() const { return config_.state / "snapshots"; }

 private:
  faasnap::test::ScratchDirectory scratch_;
  Config config_;
};

// The part of the platform that keeps its snapshots.
struct Keeper {
  explicit Keeper(const State& state, hosts::Store* store = nullptr)
      : maker(state.config(), false), snapshots(state.config(), maker, metrics, store, {"r"}) {}

  faasnap::Snapshot current() const {
    auto found = snapshots.find("r");
    REQUIRE(found);
    return *found;
  }

  // Notes that so many VMs have missed the same pages.
  void miss(std::size_t vms, std::uint64_t first, std::uint64_t count) {
    const faasnap::Snapshot restored = current();
    for (std::size_t i = 0; i < vms; ++i) {
      snapshots.note_misses("f", "r", restored, pages_of(restored.info().id, first, count));
    }
  }

  bool has_counted(const std::string& result) {
    return metrics.text({}).find("refreshes_total{result=\"" + result + "\"} 1") !=
           std::string::npos;
  }

  Metrics metrics;
  MachineMaker maker;
  Snapshots snapshots;
};

bool wait_for(const std::function<bool()>& condition) {
  for (int i = 0; i < 6000; ++i) {
    if (condition()) {
      return true;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

std::uint64_t recorded_pages(const Keeper& keeper) { return keeper.current().info().touched_pages; }

}  // namespace

TEST_CASE("a recording is refreshed when half of eight restores have missed enough") {
  Refresh refresh;
  for (std::size_t i = 0; i < Refresh::kNotes; ++i) {
    CHECK_FALSE(refresh.due());
    refresh.note(pages_of("id", 100, i < Refresh::kAtLeast ? Refresh::kFewestPages : 1));
  }
  CHECK(refresh.due());
  // Only the latest ones count.
  refresh.note(pages_of("id", 100, 1));
  CHECK_FALSE(refresh.due());
  CHECK(refresh.notes().size() == Refresh::kNotes);
}

TEST_CASE("a recording is refreshed for a hundredth of its pages, and for sixteen at least") {
  CHECK_FALSE(Refresh::pays(15, 100));
  CHECK(Refresh::pays(16, 100));
  CHECK_FALSE(Refresh::pays(39, 4000));
  CHECK(Refresh::pays(40, 4000));
}

TEST_CASE("each refresh waits for twice the restores of the one before, up to a limit") {
  Refresh refresh;
  const auto restores_until_due = [&] {
    std::size_t restores = 0;
    do {
      refresh.note(pages_of("id", 0, 500));
      ++restores;
    } while (!refresh.due());
    refresh.begin_anew();
    return restores;
  };
  CHECK(restores_until_due() == 8);
  CHECK(restores_until_due() == 16);
  CHECK(restores_until_due() == 32);
  for (int i = 0; i < 10; ++i) {
    restores_until_due();
  }
  CHECK(restores_until_due() == Refresh::kMostRestores);
}

TEST_CASE("a guest does not decide how much memory its notes take") {
  Refresh refresh;
  std::vector<faasnap::PageAccess> accesses;
  for (std::uint64_t i = 0; i < 3 * Refresh::kMostPages; ++i) {
    accesses.push_back({.page = {3 * Refresh::kMostPages - i}});
  }
  refresh.note(faasnap::WorkingSet::from_accesses("id", faasnap::Bytes{1 << 30}, accesses));
  CHECK(refresh.notes().front().pages() == Refresh::kMostPages);
  CHECK(refresh.notes().front().accesses().front().page.value == 3 * Refresh::kMostPages);
}

TEST_CASE("pages that restored VMs miss get into the recording, and what runs is not disturbed") {
  const State state;
  state.add_snapshot();
  Keeper keeper(state);
  const faasnap::Snapshot old = keeper.current();
  faasnap::RestoredMemory running(old, faasnap::Setting::lazy);
  running.start();
  keeper.miss(Refresh::kNotes, 2000, 50);
  REQUIRE(wait_for([&] { return recorded_pages(keeper) == kRecorded + 50; }));
  CHECK(keeper.has_counted("refreshed"));

  // The snapshot is whole, has its name, and is alone.
  REQUIRE(wait_for([&] { return keeper.snapshots.recording().empty(); }));
  CHECK(names_in(state.directory()) == std::set<std::string>{"r"});
  keeper.current().verify();
  CHECK(keeper.current().directory() == state.directory() / "r");
  CHECK(keeper.current().info().id == old.info().id);

  // What was restored before goes on, and what was opened before can be restored.
  CHECK(running.bytes()[2000 * faasnap::kPageSize] == std::byte{7});
  faasnap::RestoredMemory late(old, faasnap::Setting::lazy);
  late.start();
  CHECK(late.bytes()[4095 * faasnap::kPageSize] == std::byte{7});

  // What VMs of the old recording miss says nothing of the new one.
  for (std::size_t i = 0; i < 4 * Refresh::kNotes; ++i) {
    keeper.snapshots.note_misses("f", "r", old, pages_of(old.info().id, 3000, 50));
  }
  // Misses of pages that are recorded already end in no third recording.
  keeper.miss(2 * Refresh::kNotes, 0, 500);
  REQUIRE(wait_for([&] { return keeper.has_counted("not_worth"); }));
  CHECK(recorded_pages(keeper) == kRecorded + 50);
}

TEST_CASE("pages that few restored VMs miss do not get into the recording") {
  const State state;
  state.add_snapshot();
  Keeper keeper(state);
  for (std::uint64_t i = 0; i < Refresh::kNotes; ++i) {
    keeper.miss(1, 1500 + 100 * i, 100);
  }
  REQUIRE(wait_for([&] { return keeper.has_counted("not_worth"); }));
  CHECK(recorded_pages(keeper) == kRecorded);
}

TEST_CASE("a snapshot that goes while its recording is refreshed stays away") {
  const State state;
  state.add_snapshot();
  Keeper keeper(state);
  keeper.miss(Refresh::kNotes, 2000, 50);
  keeper.snapshots.remove("r");
  // Whether the refresh was due, under way or done.
  CHECK(wait_for(
      [&] { return keeper.snapshots.recording().empty() && names_in(state.directory()).empty(); }));
  CHECK_FALSE(keeper.snapshots.find("r"));
}

TEST_CASE("what one host adds to a recording, another one takes over and adds to") {
  const faasnap::test::RedisServer redis;
  const State shared;
  const State state_of_one;
  const State state_of_two;
  state_of_one.add_snapshot();
  const HostsPolicy policy{.redis = redis.options().address, .directory = shared.config().state};
  hosts::Store store_of_one(policy);
  hosts::Store store_of_two(policy);
  Keeper one(state_of_one, &store_of_one);
  Keeper two(state_of_two, &store_of_two);
  REQUIRE(wait_for([&] { return store_of_one.has_snapshot("r"); }));
  REQUIRE(two.snapshots.find_or_fetch({.name = "f", .revision = "r"}));

  one.miss(Refresh::kNotes, 2000, 50);
  REQUIRE(wait_for([&] { return recorded_pages(one) == kRecorded + 50; }));
  // While the other host holds the lease a host tries again with the next restore.
  const auto misses_until = [](Keeper& keeper, std::uint64_t first, std::uint64_t pages) {
    return wait_for([&, first, pages] {
      keeper.miss(1, first, 50);
      return recorded_pages(keeper) == pages;
    });
  };
  REQUIRE(misses_until(two, 3000, kRecorded + 50));
  CHECK(two.has_counted("fetched"));
  REQUIRE(misses_until(two, 3000, kRecorded + 100));
  CHECK(two.has_counted("refreshed"));
  REQUIRE(misses_until(one, 3500, kRecorded + 100));
  CHECK(one.has_counted("fetched"));
  one.current().verify();
  for (const State* state : {&state_of_one, &state_of_two}) {
    CHECK(wait_for([&] { return names_in(state->directory()) == std::set<std::string>{"r"}; }));
  }
}

TEST_CASE("a platform that is killed while it refreshes leaves one whole snapshot") {
  const State state;
  state.add_snapshot();
  std::mt19937 random(1);
  bool refreshed = false;
  // On a busy machine some are killed before they have begun.
  for (unsigned round = 0; round < 12 || !refreshed; ++round) {
    REQUIRE(round < 100);
    const ::pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      Keeper keeper(state);
      for (std::uint64_t first = kRecorded;; first += 100) {
        const std::uint64_t before = recorded_pages(keeper);
        keeper.miss(Refresh::kMostRestores, first % (kFilled - 100), 100);
        for (int i = 0; i < 100 && recorded_pages(keeper) == before; ++i) {
          std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
      }
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(random() % (400 + 50 * round)));
    ::kill(child, SIGKILL);
    REQUIRE(::waitpid(child, nullptr, 0) == child);
    const Keeper keeper(state);
    CHECK(names_in(state.directory()) == std::set<std::string>{"r"});
    keeper.current().verify();
    refreshed = refreshed || recorded_pages(keeper) > kRecorded;
  }
}

}  // namespace platform
