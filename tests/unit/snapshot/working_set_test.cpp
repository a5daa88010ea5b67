// SPDX-License-Identifier: Apache-2.0

#include <faasnap/working_set.h>

#include <catch2/catch_test_macros.hpp>
#include <limits>

#include "support/support.h"

namespace faasnap {
namespace {

using test::error_of;
using test::ScratchDirectory;

constexpr Bytes kSetMemory{100 * kPageSize};

Error refused(std::vector<WorkingSet::Group> groups) {
  return error_of([&] { WorkingSet("id", kSetMemory, std::move(groups)); });
}

TEST_CASE("a working set counts the pages of all its groups") {
  CHECK(WorkingSet().pages() == 0);
  CHECK(WorkingSet("id", kSetMemory, {{{{0}, 3}, {{99}, 1}}, {}, {{{50}, 2}}}).pages() == 6);
}

TEST_CASE("a working set comes back from its file as it was") {
  const ScratchDirectory scratch;
  const WorkingSet saved("id", kSetMemory, {{{{4}, 3}, {{90}, 10}}, {}, {{{0}, 1}}});
  saved.save(scratch.path() / "ws");
  const WorkingSet loaded = WorkingSet::load(scratch.path() / "ws");
  CHECK(loaded.snapshot_id() == saved.snapshot_id());
  CHECK(loaded.memory() == saved.memory());
  CHECK(loaded.groups() == saved.groups());
}

TEST_CASE("a working set is not saved over a file") {
  const ScratchDirectory scratch;
  const WorkingSet set("id", kSetMemory, {});
  set.save(scratch.path() / "ws");
  CHECK(error_of([&] { set.save(scratch.path() / "ws"); }).kind() == ErrorKind::already_exists);
  CHECK_NOTHROW(WorkingSet::load(scratch.path() / "ws"));
}

TEST_CASE("ranges that no recording can have are refused") {
  CHECK(refused({{{{100}, 1}}}).kind() == ErrorKind::invalid_argument);
  CHECK(refused({{{{99}, 2}}}).kind() == ErrorKind::invalid_argument);
  CHECK(refused({{{{1}, std::numeric_limits<std::uint64_t>::max()}}}).kind() ==
        ErrorKind::invalid_argument);
  CHECK(refused({{{{5}, 0}}}).kind() == ErrorKind::invalid_argument);
  CHECK(refused({{{{5}, 1}, {{4}, 1}}}).kind() == ErrorKind::invalid_argument);
  CHECK(refused({{{{5}, 2}, {{6}, 1}}}).kind() == ErrorKind::invalid_argument);
}

TEST_CASE("a page is in one group only") {
  CHECK(refused({{{{5}, 4}}, {{{8}, 1}}}).kind() == ErrorKind::invalid_argument);
  CHECK_NOTHROW(WorkingSet("id", kSetMemory, {{{{5}, 3}}, {{{8}, 1}}}));
}

TEST_CASE("loading what is no working set is corrupt, what is missing not_found") {
  const ScratchDirectory scratch;
  CHECK(error_of([&] { WorkingSet::load(scratch.path() / "ws"); }).kind() == ErrorKind::not_found);
}

std::vector<PageAccess> touches(std::initializer_list<std::uint64_t> pages) {
  std::vector<PageAccess> accesses;
  for (const std::uint64_t page : pages) {
    accesses.push_back({{page}, Nanoseconds(10 * accesses.size()), page % 2 == 0, page % 3 == 0});
  }
  return accesses;
}

TEST_CASE("accesses make a group of every so many pages, and are kept") {
  const auto accesses = touches({9, 3, 8, 4, 5, 90});
  const auto set = WorkingSet::from_accesses("id", kSetMemory, accesses, 4);
  CHECK(set.recorder() == Recorder::userfaultfd);
  CHECK(set.groups() ==
        std::vector<WorkingSet::Group>{{{{3}, 2}, {{8}, 2}}, {{{5}, 1}, {{90}, 1}}});
  CHECK(set.accesses() == accesses);
  CHECK(set.pages() == 6);
  CHECK(WorkingSet::from_accesses("id", kSetMemory, {}).groups().empty());
}

TEST_CASE("accesses come back from a file with the groups that they made") {
  const ScratchDirectory scratch;
  const auto saved = WorkingSet::from_accesses("id", kSetMemory, touches({9, 3, 8, 4, 5, 90}), 4);
  saved.save(scratch.path() / "ws");
  const auto loaded = WorkingSet::load(scratch.path() / "ws");
  CHECK(loaded.recorder() == Recorder::userfaultfd);
  CHECK(loaded.groups() == saved.groups());
  CHECK(loaded.accesses() == saved.accesses());
}

TEST_CASE("accesses that no guest can make are refused") {
  const auto kind_of = [](std::vector<PageAccess> accesses, std::uint64_t group_pages) {
    return error_of([&] {
             WorkingSet::from_accesses("id", kSetMemory, std::move(accesses), group_pages);
           })
        .kind();
  };
  CHECK(kind_of(touches({100}), 4) == ErrorKind::invalid_argument);
  CHECK(kind_of(touches({5, 6, 5}), 4) == ErrorKind::invalid_argument);
  CHECK(kind_of(touches({5, 6, 5}), 1) == ErrorKind::invalid_argument);
  CHECK(kind_of({{{5}, Nanoseconds(2)}, {{6}, Nanoseconds(1)}}, 4) == ErrorKind::invalid_argument);
  CHECK(kind_of({{{5}, Nanoseconds(-2)}}, 4) == ErrorKind::invalid_argument);
  CHECK(kind_of(touches({5}), 0) == ErrorKind::invalid_argument);
}

TEST_CASE("a recorder has a name") {
  CHECK(std::string(to_string(Recorder::mincore)) == "mincore");
  CHECK(std::string(to_string(Recorder::userfaultfd)) == "userfaultfd");
}

PageAccess touch(std::uint64_t page, int at, bool write = false) {
  return {.page = {page}, .time = Nanoseconds(at), .write = write};
}

WorkingSet touches(std::vector<PageAccess> accesses) {
  return WorkingSet::from_accesses("id", kSetMemory, std::move(accesses));
}

TEST_CASE("misses come to a recording at the time when they were taken, and are marked") {
  const WorkingSet recorded = touches({touch(1, 10), touch(2, 30)});
  const WorkingSet misses[] = {touches({touch(7, 20), touch(2, 25, true)}),
                               touches({touch(8, 5), touch(7, 40, true)})};
  const WorkingSet extended = WorkingSet::with_misses(recorded, misses);
  CHECK(extended.recorder() == Recorder::userfaultfd);
  CHECK(extended.snapshot_id() == "id");
  CHECK(extended.groups() == std::vector<WorkingSet::Group>{{{{1}, 2}, {{7}, 2}}});
  const auto& accesses = extended.accesses();
  REQUIRE(accesses.size() == 4);
  CHECK((accesses[0].page == PageIndex{8} && accesses[0].missed));
  CHECK((accesses[1].page == PageIndex{1} && !accesses[1].missed));
  CHECK((accesses[2].page == PageIndex{7} && accesses[2].missed && accesses[2].write));
  // It was recorded as well, and so is no miss.
  CHECK((accesses[3].page == PageIndex{2} && !accesses[3].missed && accesses[3].write));
}

TEST_CASE("misses that few recordings have are left out on request") {
  const WorkingSet recorded = touches({touch(1, 10)});
  const WorkingSet misses[] = {touches({touch(7, 20), touch(9, 21)}), touches({touch(7, 5)})};
  CHECK(WorkingSet::with_misses(recorded, misses, 2).groups() ==
        std::vector<WorkingSet::Group>{{{{1}, 1}, {{7}, 1}}});
  CHECK(WorkingSet::with_misses(recorded, misses, 3).groups() == recorded.groups());
  CHECK(WorkingSet::with_misses(recorded, {}).accesses() == recorded.accesses());
}

TEST_CASE("misses of another snapshot, by another recorder or of none are refused") {
  const WorkingSet recorded = touches({touch(1, 10)});
  const WorkingSet other = WorkingSet::from_accesses("other", kSetMemory, {touch(1, 10)});
  const WorkingSet mincore("id", kSetMemory, {{{{4}, 3}}});
  const auto refusal = [&](const WorkingSet& recording, const WorkingSet& missed,
                           std::size_t at_least) {
    return error_of([&] { WorkingSet::with_misses(recording, {&missed, 1}, at_least); });
  };
  CHECK(std::string(refusal(recorded, other, 1).what()).find("'other'") != std::string::npos);
  CHECK(std::string(refusal(recorded, mincore, 1).what()).find("mincore") != std::string::npos);
  CHECK(std::string(refusal(mincore, recorded, 1).what()).find("mincore") != std::string::npos);
  CHECK(std::string(refusal(recorded, recorded, 0).what()).find("at least 0") != std::string::npos);
}

}  // namespace
}  // namespace faasnap
