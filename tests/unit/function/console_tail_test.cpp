// SPDX-License-Identifier: Apache-2.0

#include "function/console_tail.h"

#include <catch2/catch_test_macros.hpp>

namespace faasnap::function {
namespace {

TEST_CASE("the last line of a console is the last that is not empty") {
  const ConsoleTail console;
  CHECK(console.last_line().empty());
  const auto write = console.sink();
  write("first\r\nsec");
  CHECK(console.last_line() == "sec");
  write("ond\x1b[0m\r\n\r\n\n");
  CHECK(console.last_line() == "second[0m");
}

TEST_CASE("a line can be found by what it contains") {
  const ConsoleTail console;
  console.sink()("Unknown: a\nUnknown: b\nKernel panic\n");
  CHECK(console.last_line("Unknown: ") == "Unknown: b");
  CHECK(console.last_line("not there").empty());
}

TEST_CASE("a guest that writes without end is kept in part") {
  const ConsoleTail console;
  const auto write = console.sink();
  write("early\n");
  const std::string line(999, 'x');
  for (int i = 0; i < 1000; ++i) {
    write(line + "\n");
  }
  CHECK(console.last_line() == line);
  CHECK(console.last_line("early").empty());
}

TEST_CASE("what a console's end keeps also goes on to where it went before") {
  std::string passed;
  const ConsoleTail console([&](std::string_view text) { passed += text; });
  console.sink()("a\n");
  console.sink()("b");
  CHECK(passed == "a\nb");
  CHECK(console.last_line() == "b");
}

}  // namespace
}  // namespace faasnap::function
