// SPDX-License-Identifier: Apache-2.0

#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>

#include <faasnap/working_set.h>

#include "support/support.h"

namespace faasnap {
namespace {

using test::error_of;
using Groups = std::vector<WorkingSet::Group>;

constexpr Bytes kAlgebraMemory{100 * kPageSize};

WorkingSet of(Groups groups) { return {"id", kAlgebraMemory, std::move(groups)}; }

WorkingSet merged(const std::vector<WorkingSet>& recordings) {
  return WorkingSet::merge(recordings);
}

TEST_CASE("merged recordings have every page once, in the earliest group of any") {
  const auto set = merged(
      {of({{{{10}, 5}}, {{{40}, 2}}, {{{90}, 1}}}), of({{{{40}, 1}}, {{{12}, 5}, {{50}, 1}}})});
  CHECK(set.groups() ==
        Groups{{{{10}, 5}, {{40}, 1}}, {{{15}, 2}, {{41}, 1}, {{50}, 1}}, {{{90}, 1}}});
  CHECK(set.snapshot_id() == "id");
  CHECK(set.recorder() == Recorder::mincore);
}

TEST_CASE("one recording, or the same twice, merges to itself") {
  const auto set = of({{{{10}, 5}}, {{{40}, 2}}});
  CHECK(merged({set}).groups() == set.groups());
  CHECK(merged({set, set}).groups() == set.groups());
}

WorkingSet touched(std::vector<PageAccess> accesses) {
  return WorkingSet::from_accesses("id", kAlgebraMemory, std::move(accesses), 2);
}

TEST_CASE("of merged touches of a page the earliest counts, as a write if any was one") {
  const auto a =
      touched({{{5}, Nanoseconds(10), false, true}, {{6}, Nanoseconds(30), true, false}});
  const auto b = touched({{{7}, Nanoseconds(20), false, false},
                          {{6}, Nanoseconds(25), false, false},
                          {{5}, Nanoseconds(40), true, true}});
  const auto set = merged({a, b});
  CHECK(set.recorder() == Recorder::userfaultfd);
  CHECK(set.accesses() == std::vector<PageAccess>{{{5}, Nanoseconds(10), true, true},
                                                  {{7}, Nanoseconds(20), false, false},
                                                  {{6}, Nanoseconds(25), true, false}});
  CHECK(set.groups() == Groups{{{{5}, 3}}, {}});
  CHECK(WorkingSet::decode(set.encode(), "ws").accesses() == set.accesses());
}

TEST_CASE("a page that any recording foresaw was not missed") {
  const PageAccess missed{{5}, Nanoseconds(10), false, false, true};
  const PageAccess touched_early{{5}, Nanoseconds(5), false, false, false};
  CHECK(merged({touched({missed}), touched({touched_early})}).accesses().at(0).missed == false);
  CHECK(merged({touched({missed}), touched({missed})}).accesses().at(0).missed);
}

TEST_CASE("a recording without accesses leaves the merged one without") {
  const auto set = merged({touched({{{5}, Nanoseconds(10)}}), of({{{{6}, 1}}})});
  CHECK(set.recorder() == Recorder::mincore);
  CHECK(set.accesses().empty());
  CHECK(set.groups() == Groups{{{{5}, 2}}});
}

TEST_CASE("only recordings of one snapshot are merged or compared") {
  const auto set = of({{{{1}, 1}}});
  const WorkingSet other_id("other", kAlgebraMemory, {});
  const WorkingSet other_size("id", {50 * kPageSize}, {});
  for (const WorkingSet& other : {other_id, other_size}) {
    CHECK(error_of([&] { merged({set, other}); }).kind() == ErrorKind::invalid_argument);
    CHECK(error_of([&] { WorkingSet::similarity(set, other); }).kind() ==
          ErrorKind::invalid_argument);
  }
  CHECK(error_of([&] { merged({}); }).kind() == ErrorKind::invalid_argument);
}

TEST_CASE("similarity is the share of pages that both recordings have") {
  const auto a = of({{{{0}, 10}}, {{{20}, 10}}});
  const auto b = of({{{{25}, 10}}, {{{5}, 5}}});
  CHECK(WorkingSet::similarity(a, b) == Catch::Approx(10.0 / 25));
  CHECK(WorkingSet::similarity(b, a) == Catch::Approx(10.0 / 25));
  CHECK(WorkingSet::similarity(a, a) == 1);
  CHECK(WorkingSet::similarity(a, of({})) == 0);
  CHECK(WorkingSet::similarity(of({}), of({})) == 1);
}

}  // namespace
}  // namespace faasnap
