// SPDX-License-Identifier: Apache-2.0

#include "base/exception.h"

#include <catch2/catch_test_macros.hpp>
#include <stdexcept>

namespace faasnap::base {
namespace {

TEST_CASE("an exception of any type has a message") {
  CHECK(describe(std::make_exception_ptr(std::runtime_error("broken"))) == "broken");
  CHECK(describe(std::make_exception_ptr(17)) == "unknown exception");
}

}  // namespace
}  // namespace faasnap::base
