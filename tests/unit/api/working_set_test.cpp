#include <faasnap/working_set.h>

#include <catch2/catch_test_macros.hpp>
#include <limits>

#include "api/support.h"

namespace faasnap {
namespace {

using test::error_of;
using test::ScratchDirectory;

constexpr Bytes kMemory{100 * kPageSize};

Error refused(std::vector<WorkingSet::Group> groups) {
  return error_of([&] { WorkingSet("id", kMemory, std::move(groups)); });
}

TEST_CASE("a working set counts the pages of all its groups") {
  CHECK(WorkingSet().pages() == 0);
  CHECK(WorkingSet("id", kMemory, {{{{0}, 3}, {{99}, 1}}, {}, {{{50}, 2}}}).pages() == 6);
}

TEST_CASE("a working set comes back from its file as it was") {
  const ScratchDirectory scratch;
  const WorkingSet saved("id", kMemory, {{{{4}, 3}, {{90}, 10}}, {}, {{{0}, 1}}});
  saved.save(scratch.path() / "ws");
  const WorkingSet loaded = WorkingSet::load(scratch.path() / "ws");
  CHECK(loaded.snapshot_id() == saved.snapshot_id());
  CHECK(loaded.memory() == saved.memory());
  CHECK(loaded.groups() == saved.groups());
}

TEST_CASE("a working set is not saved over a file") {
  const ScratchDirectory scratch;
  const WorkingSet set("id", kMemory, {});
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
  CHECK_NOTHROW(WorkingSet("id", kMemory, {{{{5}, 3}}, {{{8}, 1}}}));
}

TEST_CASE("loading what is no working set is corrupt, what is missing not_found") {
  const ScratchDirectory scratch;
  CHECK(error_of([&] { WorkingSet::load(scratch.path() / "ws"); }).kind() == ErrorKind::not_found);
}

}  // namespace
}  // namespace faasnap
