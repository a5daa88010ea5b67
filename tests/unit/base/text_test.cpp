// SPDX-License-Identifier: Apache-2.0

#include "base/text.h"

#include <catch2/catch_test_macros.hpp>
#include <cstdint>

namespace faasnap::base {
namespace {

TEST_CASE("a number is parsed if it is all of the text, and fits") {
  CHECK(parse_number<unsigned>("0") == 0U);
  CHECK(parse_number<std::uint64_t>("18446744073709551615") == UINT64_MAX);
  CHECK(parse_number<std::int64_t>("-1") == -1);
  for (const char* text : {"", " 1", "1 ", "+1", "-1", "1x", "0x1", "4294967296"}) {
    INFO(text);
    CHECK_FALSE(parse_number<std::uint32_t>(text));
  }
}

TEST_CASE("text of a peer is cut, and fit for a line") {
  CHECK(printable("a\r\n\x1b[1m\xff b") == "a???[1m? b");
  CHECK(printable("abc", 2) == "ab");
}

}  // namespace
}  // namespace faasnap::base
