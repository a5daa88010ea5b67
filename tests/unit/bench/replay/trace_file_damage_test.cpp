// SPDX-License-Identifier: Apache-2.0

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <stdexcept>
#include <string>

#include "bench/replay/small_trace.h"
#include "replay/trace/trace_file.h"

namespace faasnap::bench::test {
namespace {

using Catch::Matchers::MessageMatches;
using Catch::Matchers::StartsWith;

// The small trace, printed, with the first `what` replaced.
std::string with(const std::string& what, const std::string& replacement) {
  std::string text = print_trace(small_trace());
  const std::size_t at = text.find(what);
  REQUIRE(at != std::string::npos);
  return text.replace(at, what.size(), replacement);
}

void refuses(const std::string& text, unsigned line) {
  CHECK_THROWS_MATCHES(parse_trace(text, "damaged"), std::runtime_error,
                       MessageMatches(StartsWith("damaged, line " + std::to_string(line) + ": ")));
}

}  // namespace

TEST_CASE("a trace that was cut off anywhere is refused", "[trace_file]") {
  const std::string text = print_trace(small_trace());
  for (std::size_t size = 0; size < text.size(); ++size) {
    CHECK_THROWS_AS(parse_trace(std::string_view(text).substr(0, size), "cut"), std::runtime_error);
  }
}

TEST_CASE("a trace of another version is refused", "[trace_file]") {
  refuses(with("trace 1", "trace 2"), 1);
}

TEST_CASE("a trace without one of its fields is refused", "[trace_file]") {
  refuses(with("input {\"input\": \"json-13k\"}\n", ""), 3);
}

TEST_CASE("more memory than a trace may have is refused", "[trace_file]") {
  refuses(with("pages 16", "pages 4194305"), 4);
}

TEST_CASE("numbers that are none are refused", "[trace_file]") {
  refuses(with("pages 16", "pages 0x10"), 4);
  refuses(with("pages 16", "pages -1"), 4);
  refuses(with("pages 16", "pages 99999999999999999999"), 4);
  refuses(with("dilation 10", "dilation ten"), 5);
  refuses(with("tick-ns 1000", "tick-ns 0"), 7);
  refuses(with("2+3 4+1", "2+3 4+"), 9);
}

TEST_CASE("a run of pages beyond memory is refused", "[trace_file]") {
  refuses(with("4+1", "4+8"), 9);
  refuses(with("4+1", "12+1"), 9);
}

TEST_CASE("more runs than declared are refused", "[trace_file]") {
  refuses(with("nonzero 2", "nonzero 1"), 9);
}

TEST_CASE("fewer runs than declared are refused", "[trace_file]") {
  refuses(with("nonzero 2", "nonzero 3"), 10);
}

TEST_CASE("a touch outside memory is refused", "[trace_file]") {
  refuses(with("-10 w", "-11 w"), 13);
  refuses(with("+4 w", "+11 w"), 12);
  refuses(with("+4 w", "+4194305 w"), 12);
}

TEST_CASE("a jump without sign is refused", "[trace_file]") { refuses(with("+3 r", "3 r"), 11); }

TEST_CASE("a touch that neither reads nor writes is refused", "[trace_file]") {
  refuses(with("+3 r", "+3 x"), 11);
}

TEST_CASE("a line of touches without a gap is refused", "[trace_file]") {
  refuses(with("+3 r 10 0", "+3 r"), 11);
}

TEST_CASE("more touches than declared are refused", "[trace_file]") {
  refuses(with("accesses 6", "accesses 1"), 11);
  refuses(with("+3 r 10 0", "+3 r 10*7"), 11);
}

TEST_CASE("a count of no touches is refused", "[trace_file]") {
  refuses(with("+3 r 10 0", "+3 r 10*0 0"), 11);
}

TEST_CASE("a gap longer than a minute is refused", "[trace_file]") {
  refuses(with("+4 w 15", "+4 w 60000001"), 12);
}

TEST_CASE("a page that is touched twice is refused", "[trace_file]") {
  CHECK_THROWS_AS(parse_trace(with("+4 w", "-1 w"), "damaged"), std::runtime_error);
}

TEST_CASE("anything behind the end is refused", "[trace_file]") {
  refuses(with("end\n", "end\nmore\n"), 15);
}

}  // namespace faasnap::bench::test
