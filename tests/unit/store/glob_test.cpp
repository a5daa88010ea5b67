// SPDX-License-Identifier: Apache-2.0

#include "store/glob.h"

#include <catch2/catch_test_macros.hpp>
#include <string>

namespace faasnap::store {
namespace {

TEST_CASE("a pattern without wildcards matches itself alone") {
  CHECK(matches_glob("key", "key"));
  CHECK_FALSE(matches_glob("key", "keys"));
  CHECK_FALSE(matches_glob("keys", "key"));
  CHECK(matches_glob("", ""));
  CHECK_FALSE(matches_glob("", "k"));
}

TEST_CASE("a star stands for any text, the empty one included") {
  CHECK(matches_glob("*", ""));
  CHECK(matches_glob("*", "any thing/\n"));
  CHECK(matches_glob("json-*k", "json-13k"));
  CHECK(matches_glob("json-*k", "json-k"));
  CHECK_FALSE(matches_glob("json-*k", "json-13m"));
  CHECK(matches_glob("*ab*ab", "xabyababab"));
  CHECK_FALSE(matches_glob("a*b*c", "acb"));
}

TEST_CASE("a question mark stands for one byte") {
  CHECK(matches_glob("a?c", "abc"));
  CHECK_FALSE(matches_glob("a?c", "ac"));
  CHECK_FALSE(matches_glob("?", ""));
}

TEST_CASE("a class stands for one of its bytes") {
  CHECK(matches_glob("[abc]", "b"));
  CHECK_FALSE(matches_glob("[abc]", "d"));
  CHECK(matches_glob("[a-c]x", "bx"));
  CHECK(matches_glob("[c-a]", "b"));
  CHECK(matches_glob("[^a-c]", "d"));
  CHECK_FALSE(matches_glob("[^a-c]", "a"));
  CHECK(matches_glob("[a-]", "-"));
  CHECK(matches_glob("[\\]]", "]"));
  CHECK(matches_glob("[ab", "b"));
  CHECK_FALSE(matches_glob("[", "["));
}

TEST_CASE("a backslash takes the meaning from what follows it") {
  CHECK(matches_glob("\\*", "*"));
  CHECK_FALSE(matches_glob("\\*", "a"));
  CHECK(matches_glob("a\\?", "a?"));
  CHECK(matches_glob("\\", "\\"));
}

TEST_CASE("a pattern of many stars takes no longer than the product of both lengths") {
  std::string pattern;
  for (int i = 0; i < 100; ++i) {
    pattern += "*a";
  }
  CHECK_FALSE(matches_glob(pattern + "b", std::string(5000, 'a')));
}

}  // namespace
}  // namespace faasnap::store
