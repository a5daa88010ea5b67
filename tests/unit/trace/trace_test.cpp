// SPDX-License-Identifier: Apache-2.0

#include <faasnap/trace.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <thread>

#include "base/clock.h"

namespace faasnap {
namespace {

using Catch::Matchers::ContainsSubstring;

// Returns `text` as it stands in a trace's JSON, with the quotes.
std::string json_string(std::string_view text) {
  Trace trace;
  trace.add({.name = std::string(text)});
  const std::string json = trace.to_zipkin_json();
  const std::string_view before = "\"name\":";
  const auto begin = json.find(before) + before.size();
  return json.substr(begin, json.find(",\"timestamp\":") - begin);
}

TEST_CASE("a trace's id is 32 hexadecimal digits, and each trace has another") {
  const Trace first;
  const Trace second;
  CHECK(first.id().size() == 32);
  CHECK(first.id().find_first_not_of("0123456789abcdef") == std::string::npos);
  CHECK(first.id() != second.id());
}

TEST_CASE("a scope adds a span with its name, tags and the time that it took") {
  Trace trace;
  const Nanoseconds before = base::realtime_now();
  {
    Trace::Scope scope(trace, "restore");
    scope.tag("setting", "lazy");
    scope.tag("setting", "faasnap");
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    CHECK(trace.spans().empty());
  }
  REQUIRE(trace.spans().size() == 1);
  const Span span = trace.spans()[0];
  CHECK(span.name == "restore");
  CHECK(span.tags == std::map<std::string, std::string>{{"setting", "faasnap"}});
  CHECK(span.start >= before);
  CHECK(span.duration >= std::chrono::milliseconds(5));
  CHECK(span.duration < std::chrono::seconds(60));
}

TEST_CASE("the JSON is a Zipkin v2 array with microseconds and an id for each span") {
  Trace trace;
  using std::chrono::microseconds;
  trace.add({"map", microseconds(1'700'000'000'000'001), microseconds(250), {{"k\"", "v\n"}}});
  trace.add({"run", microseconds(1'700'000'000'000'300), Nanoseconds(10), {}});
  CHECK(trace.to_zipkin_json() ==
        "[{\"traceId\":\"" + trace.id() +
            "\",\"id\":\"0000000000000001\",\"name\":\"map\",\"timestamp\":1700000000000001,"
            "\"duration\":250,\"localEndpoint\":{\"serviceName\":\"faasnap\"},"
            "\"tags\":{\"k\\\"\":\"v\\n\"}},{\"traceId\":\"" +
            trace.id() +
            "\",\"id\":\"0000000000000002\",\"name\":\"run\",\"timestamp\":1700000000000300,"
            "\"duration\":1,\"localEndpoint\":{\"serviceName\":\"faasnap\"},\"tags\":{}}]");
}

TEST_CASE("a trace without spans is an empty array") { CHECK(Trace().to_zipkin_json() == "[]"); }

TEST_CASE("a span can be named by others before it has ended") {
  Trace trace;
  const SpanId whole = trace.new_span();
  const SpanId part = trace.add({.name = "part", .parent = whole, .service = "guest"});
  CHECK(trace.add({.name = "whole", .id = whole}) == whole);
  CHECK(part != whole);
  CHECK(part != 0);
  const std::string json = trace.to_zipkin_json();
  CHECK_THAT(json, ContainsSubstring(R"("id":"0000000000000002","parentId":"0000000000000001")"));
  CHECK_THAT(json, ContainsSubstring(R"("serviceName":"guest")"));
  CHECK_THAT(json, ContainsSubstring(R"("id":"0000000000000001","name":"whole")"));
}

TEST_CASE("Chrome's trace events have a thread for each service, and moments are instants") {
  Trace trace;
  const Nanoseconds start(1'700'000'000'000'000'250);
  trace.add({.name = "first byte", .start = start + Nanoseconds(1000), .service = "guest"});
  trace.add({"load", start, Nanoseconds(1500), {{"group", "3"}}});
  CHECK(trace.to_chrome_json(7) ==
        R"([{"name":"process_name","ph":"M","pid":7,"tid":0,"args":{"name":"trace )" + trace.id() +
            R"("}},)"
            R"({"name":"thread_name","ph":"M","pid":7,"tid":1,"args":{"name":"faasnap"}},)"
            R"({"name":"load","pid":7,"tid":1,"ph":"X","dur":1.500,"ts":1700000000000000.250,)"
            R"("args":{"group":"3"}},)"
            R"({"name":"thread_name","ph":"M","pid":7,"tid":2,"args":{"name":"guest"}},)"
            R"({"name":"first byte","pid":7,"tid":2,"ph":"i","s":"t","ts":1700000000000001.250,)"
            R"("args":{}}])");
}

TEST_CASE("in Chrome's viewer spans share a thread when one lies within the other, or after it") {
  Trace trace;
  const auto add = [&](const char* name, int start, int duration) {
    trace.add({.name = name, .start = Nanoseconds(start), .duration = Nanoseconds(duration)});
  };
  add("overlapping", 30, 100);
  add("inner", 20, 20);
  add("outer", 0, 100);
  add("first in outer", 0, 20);
  add("after", 100, 10);
  add("overlapping twice", 110, 30);
  const std::string json = trace.to_chrome_json();
  const auto thread_of = [&](const std::string& name) {
    const std::string before = "{\"name\":\"" + name + "\",\"pid\":1,\"tid\":";
    const auto place = json.find(before);
    REQUIRE(place != std::string::npos);
    return json.at(place + before.size()) - '0';
  };
  CHECK(thread_of("outer") == 1);
  CHECK(thread_of("first in outer") == 1);
  CHECK(thread_of("inner") == 1);
  CHECK(thread_of("after") == 1);
  CHECK(thread_of("overlapping") == 2);
  CHECK(thread_of("overlapping twice") == 1);
  CHECK_THAT(json, ContainsSubstring(R"("tid":2,"args":{"name":"faasnap 2"})"));
}

TEST_CASE("spans may be added from several threads") {
  Trace trace;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&trace] {
      for (int k = 0; k < 250; ++k) {
        const Trace::Scope scope(trace, "s");
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  CHECK(trace.spans().size() == 1000);
}

TEST_CASE("JSON strings escape quotes, backslashes and every control character") {
  CHECK(json_string("a\"b\\c") == R"("a\"b\\c")");
  CHECK(json_string(std::string_view("\0\x01\n\t\x1f", 5)) == R"("\u0000\u0001\n\t\u001f")");
  CHECK(json_string("\x7f") == "\"\x7f\"");
}

TEST_CASE("JSON strings keep valid UTF-8 and replace what is not") {
  CHECK(json_string("h\u00e9\u20ac\U0001f600") == "\"h\u00e9\u20ac\U0001f600\"");
  const std::string bad = "\ufffd";
  CHECK(json_string("\x80") == "\"" + bad + "\"");
  CHECK(json_string("\xc0\xaf") == "\"" + bad + bad + "\"");            // overlong
  CHECK(json_string("\xed\xa0\x80") == "\"" + bad + bad + bad + "\"");  // surrogate
  CHECK(json_string("\xf4\x90\x80\x80") == "\"" + bad + bad + bad + bad + "\"");
  CHECK(json_string("\xe2\x82") == "\"" + bad + "\"");  // cut off
  CHECK(json_string("\xe2\"") == "\"" + bad + "\\\"\"");
}

}  // namespace
}  // namespace faasnap
