// SPDX-License-Identifier: Apache-2.0

#include "output/trace_output.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <iterator>
#include <set>

#include "cli/support.h"
#include "support/support.h"
#include "tools/failure.h"
#include "tools/json.h"

namespace faasnap::cli {
namespace {

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;
using test::DeadPort;
using test::FakeCollector;
using test::ScratchDirectory;

// Returns a trace with one span.
void add_trace(TraceOutput& output, const std::string& name) {
  Trace trace;
  trace.add({.name = name, .start = Nanoseconds(1000), .duration = Nanoseconds(2000)});
  output.add(trace);
}

tools::Json read_json(const std::filesystem::path& file) {
  std::ifstream stream(file);
  const auto json = tools::parse_json(std::string{std::istreambuf_iterator<char>(stream), {}});
  REQUIRE(json.has_value());
  return *json;
}

std::vector<std::string> names_in(const tools::Json& array) {
  std::vector<std::string> names;
  for (const tools::Json& element : array) {
    names.push_back(element["name"]);
  }
  return names;
}

TEST_CASE("the traces of all invocations share a file of each kind") {
  const ScratchDirectory scratch;
  const auto zipkin = scratch.path() / "zipkin.json";
  const auto chrome = scratch.path() / "chrome.json";
  TraceOutput output({zipkin.string(), chrome.string()});
  add_trace(output, "one");
  add_trace(output, "two");
  output.finish();
  const tools::Json spans = read_json(zipkin);
  CHECK(names_in(spans) == std::vector<std::string>{"one", "two"});
  CHECK(spans[0]["traceId"] != spans[1]["traceId"]);
  std::set<int> processes;
  for (const tools::Json& event : read_json(chrome)) {
    processes.insert(event["pid"].get<int>());
  }
  CHECK(processes == std::set<int>{1, 2});
}

TEST_CASE("without invocations the files are empty arrays") {
  const ScratchDirectory scratch;
  const auto file = scratch.path() / "trace.json";
  TraceOutput({file.string(), {}}).finish();
  CHECK(read_json(file) == tools::Json::array());
}

TEST_CASE("what was traced before a failure can be read") {
  const ScratchDirectory scratch;
  const auto file = scratch.path() / "trace.json";
  {
    TraceOutput output({file.string(), {}});
    add_trace(output, "before");
  }
  CHECK(names_in(read_json(file)) == std::vector<std::string>{"before"});
}

TEST_CASE("a file that cannot be written is a failure that names it") {
  const ScratchDirectory scratch;
  const std::string absent = (scratch.path() / "none" / "trace.json").string();
  CHECK_THROWS_MATCHES(TraceOutput({absent, {}}), tools::Failure,
                       MessageMatches(ContainsSubstring(absent)));
  TraceOutput full({{}, "/dev/full"});
  add_trace(full, "lost");
  CHECK_THROWS_MATCHES(full.finish(), tools::Failure,
                       MessageMatches(ContainsSubstring("/dev/full")));
}

TEST_CASE("a collector gets each trace by itself") {
  const FakeCollector server;
  TraceOutput output({server.url("/api/v2/spans"), {}});
  add_trace(output, "one");
  add_trace(output, "two");
  output.finish();
  const auto requests = server.requests();
  REQUIRE(requests.size() == 2);
  for (const auto& request : requests) {
    const auto spans = tools::parse_json(request.body);
    REQUIRE(spans.has_value());
    CHECK(spans->size() == 1);
  }
}

TEST_CASE("a collector that is down is told of at the end, when all else is written") {
  const ScratchDirectory scratch;
  const auto chrome = scratch.path() / "chrome.json";
  const DeadPort dead;
  TraceOutput output({dead.url(), chrome.string()});
  CHECK_NOTHROW(add_trace(output, "measured all the same"));
  CHECK_THROWS_MATCHES(output.finish(), tools::Failure,
                       MessageMatches(ContainsSubstring(dead.url())));
  CHECK(names_in(read_json(chrome)).back() == "measured all the same");
}

TEST_CASE("a collector that refuses a trace is not asked again") {
  const FakeCollector server(503);
  TraceOutput output({server.url("/"), {}});
  add_trace(output, "one");
  add_trace(output, "two");
  CHECK_THROWS_MATCHES(output.finish(), tools::Failure, MessageMatches(ContainsSubstring("503")));
  CHECK(server.requests().size() == 1);
}

}  // namespace
}  // namespace faasnap::cli
