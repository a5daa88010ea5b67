// SPDX-License-Identifier: Apache-2.0

#include "paging/load_log.h"

#include <catch2/catch_test_macros.hpp>

namespace faasnap::paging {
namespace {

TEST_CASE("what is loaded is noted in order, with the time since the start") {
  LoadLog log;
  log.note({{7}, 1}, Nanoseconds(50));
  log.start(Nanoseconds(100));
  log.note({{0}, 3}, Nanoseconds(100));
  log.note({{512}, 2}, Nanoseconds(130));
  CHECK(log.loads() == std::vector<PageLoad>{{{{7}, 1}, Nanoseconds(0)},
                                             {{{0}, 3}, Nanoseconds(0)},
                                             {{{512}, 2}, Nanoseconds(30)}});
}

}  // namespace
}  // namespace faasnap::paging
