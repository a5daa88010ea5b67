// SPDX-License-Identifier: Apache-2.0

#include "paging/backing_check.h"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>

#include "paging/support.h"

namespace faasnap::paging {
namespace {

using test::error_of;
using test::PageFile;
using test::ScratchDirectory;

constexpr PageRange kAll{PageIndex{0}, 16};

// A memory file of 16 pages that have data, and what a plan needs of it.
struct Fixture {
  Fixture() { memory.write(kAll); }

  SnapshotFiles files() const { return {.memory = memory.ref(), .loading_set = loading_set.ref()}; }
  static RestorePlan mapped(PageRange pages) {
    RestorePlan plan;
    plan.mappings.push_back({pages, Backing::memory_file, pages.first.offset()});
    return plan;
  }
  static void truncate(const PageFile& file, std::uint64_t pages) {
    REQUIRE(::ftruncate(file.fd().get(), static_cast<off_t>(pages * kPageSize)) == 0);
  }

  ScratchDirectory directory;
  PageFile memory{directory.path() / "memory", kAll.size(), 1};
  PageFile loading_set{directory.path() / "loading-set", kAll.size(), 2};
};

TEST_CASE("files as long as the plan needs are intact, and nothing is found wrong with them") {
  const Fixture fixture;
  const BackingCheck check(Fixture::mapped(kAll), fixture.files());
  CHECK(check.intact());
  CHECK(check.diagnose().empty());
}

TEST_CASE("a file that ends before the plan does is refused by name") {
  const Fixture fixture;
  Fixture::truncate(fixture.memory, 15);
  const Error error = error_of([&] { BackingCheck(Fixture::mapped(kAll), fixture.files()); });
  CHECK(error.kind() == ErrorKind::corrupt);
  CHECK(error.path() == fixture.memory.ref().path);
}

TEST_CASE("a mapped file that is cut short is named with its size") {
  const Fixture fixture;
  const BackingCheck check(Fixture::mapped(kAll), fixture.files());
  Fixture::truncate(fixture.memory, 8);
  CHECK_FALSE(check.intact());
  CHECK(check.diagnose() ==
        fixture.memory.ref().path.string() + ": file has 32768 bytes, expected 65536 at least");
}

TEST_CASE("a file that is written to after the restore is named, whatever its size is") {
  const Fixture fixture;
  const BackingCheck check(Fixture::mapped(kAll), fixture.files());
  CHECK_NOTHROW(check.require_unchanged());
  const timespec later[2] = {{.tv_sec = 0, .tv_nsec = UTIME_OMIT}, {.tv_sec = 1, .tv_nsec = 0}};
  REQUIRE(::futimens(fixture.memory.fd().get(), later) == 0);
  const Error error = error_of([&] { check.require_unchanged(); });
  CHECK(error.kind() == ErrorKind::corrupt);
  CHECK(error.path() == fixture.memory.ref().path);
}

TEST_CASE("what a file loses beyond the end of the plan does no harm") {
  const Fixture fixture;
  const BackingCheck check(Fixture::mapped({PageIndex{2}, 6}), fixture.files());
  Fixture::truncate(fixture.memory, 8);
  CHECK(check.intact());
  Fixture::truncate(fixture.memory, 7);
  CHECK_FALSE(check.intact());
}

TEST_CASE("a file that is read and not mapped stays intact when cut short, but is found out") {
  const Fixture fixture;
  RestorePlan plan;
  plan.mappings.push_back({kAll, Backing::anonymous, {}});
  plan.faults =
      HandledFaults{.nonzero = {{PageIndex{4}, 4}},
                    .load = InstallWhileRunning{.reads = {{Backing::loading_set, {}, kAll}}}};
  const BackingCheck check(plan, fixture.files());
  Fixture::truncate(fixture.loading_set, 1);
  CHECK(check.intact());
  CHECK(check.diagnose().starts_with(fixture.loading_set.ref().path.string()));
}

TEST_CASE("a read that fails is named with its file and place") {
  // A descriptor that cannot be read stands in for a disk that fails: both are an errno to read.
  const Fixture fixture;
  const base::UniqueFd unreadable = base::open_file(fixture.memory.ref().path, O_WRONLY);
  const BackingCheck check(Fixture::mapped({PageIndex{3}, 2}),
                           {.memory = {&unreadable, fixture.memory.ref().path}});
  CHECK(check.intact());
  CHECK(check.diagnose() ==
        "read " + fixture.memory.ref().path.string() + " at byte 12288: Bad file descriptor");
}

}  // namespace
}  // namespace faasnap::paging
