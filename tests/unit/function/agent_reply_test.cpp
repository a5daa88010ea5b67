// SPDX-License-Identifier: Apache-2.0

#include "function/agent_reply.h"

#include <catch2/catch_test_macros.hpp>

#include <faasnap/error.h>

#include "support/support.h"

namespace faasnap::function {
namespace {

std::string reply_with(const std::string& timings) {
  return R"({"result": 1, "timings": )" + timings + "}";
}

bool is_refused(const std::string& body) {
  return test::kind_of([&] { parse_reply(body); }) == ErrorKind::guest;
}

TEST_CASE("a reply has the function's result as it was, and the guest's times") {
  const auto reply = parse_reply(
      R"({"result": {"b": [1, 2.5], "a": "é"}, "timings": {"handler_ns": 7, "total_ns": 9}})");
  CHECK(reply.result == R"({"b":[1,2.5],"a":"é"})");
  CHECK(reply.handler == Nanoseconds(7));
  CHECK(reply.agent == Nanoseconds(9));
  CHECK(reply.caller.trace.empty());
}

TEST_CASE("a result may be any JSON value") {
  for (const std::string value : {"null", "false", "0", "\"\"", "[]", "{}"}) {
    const std::string body =
        R"({"result": )" + value + R"(, "timings": {"handler_ns": 0, "total_ns": 0}})";
    CHECK(parse_reply(body).result == value);
  }
}

TEST_CASE("a reply that is not a JSON object with a result is refused") {
  for (const std::string body :
       {"", "nonsense", "{", "[]", "1", "null", "{}", R"({"timings": {}})", R"({"result": 1})",
        R"({"result": 1e999, "timings": {"handler_ns": 1, "total_ns": 1}})",
        "{\"result\": \"\xff\", \"timings\": {\"handler_ns\": 1, \"total_ns\": 1}}"}) {
    INFO(body);
    CHECK(is_refused(body));
  }
}

TEST_CASE("a reply that is nested without bounds is refused") {
  const std::string deep(1'000'000, '[');
  CHECK(is_refused(deep));
  CHECK(is_refused(R"({"result": )" + deep + std::string(deep.size(), ']') +
                   R"(, "timings": {"handler_ns": 1, "total_ns": 1}})"));
}

TEST_CASE("times that a guest cannot have taken are refused") {
  CHECK_NOTHROW(parse_reply(reply_with(R"({"handler_ns": 0, "total_ns": 86400000000000})")));
  for (const std::string timings :
       {"null", "[]", "{}", R"({"handler_ns": 1})", R"({"total_ns": 1})",
        R"({"handler_ns": -1, "total_ns": 1})", R"({"handler_ns": 1.5, "total_ns": 1})",
        R"({"handler_ns": "1", "total_ns": 1})", R"({"handler_ns": 1, "total_ns": 86400000000001})",
        R"({"handler_ns": 1, "total_ns": 18446744073709551615})"}) {
    INFO(timings);
    CHECK(is_refused(reply_with(timings)));
  }
}

TEST_CASE("the span that an agent has worked for is one that a trace has made") {
  const std::string trace = Trace().id();
  const auto caller = [](const std::string& ids) {
    return parse_reply(reply_with(R"({"handler_ns": 1, "total_ns": 2, )" + ids + "}")).caller;
  };
  const auto named = caller(R"("trace_id": ")" + trace + R"(", "span_id": "00000000000000a1")");
  CHECK(named.trace == trace);
  CHECK(named.span == 0xa1);
  for (const std::string& ids :
       {R"("trace_id": ")" + trace + R"(")", std::string(R"("span_id": "00000000000000a1")"),
        R"("trace_id": ")" + trace + R"(", "span_id": 7)",
        R"("trace_id": ")" + trace + R"(", "span_id": "a1")",
        R"("trace_id": ")" + trace + R"(0", "span_id": "00000000000000a1")",
        R"("trace_id": ")" + std::string(32, 'G') + R"(", "span_id": "00000000000000a1")",
        std::string(R"("trace_id": {}, "span_id": [])")}) {
    INFO(ids);
    CHECK(caller(ids).trace.empty());
    CHECK(caller(ids).span == 0);
  }
}

TEST_CASE("an agent that refuses says why, on one line") {
  CHECK(reason_of(422, R"({"error": "json: no such\nkey"})") == "json: no such key");
  CHECK(reason_of(500, R"({"error": ")" + std::string(1'000'000, 'x') + R"("})").size() == 4096);
}

TEST_CASE("an agent that refuses without a reason is quoted by its status") {
  for (const std::string body : {"", "{", "[]", "{}", R"({"error": 1})", R"({"error": null})"}) {
    INFO(body);
    CHECK(reason_of(503, body) == "the agent answered with status 503");
  }
}

TEST_CASE("an input is a JSON object, and stays the same without its spaces") {
  CHECK(compact_object("{\n  \"b\": [1, 2],\n  \"a\": {}\n}\n") == R"({"b":[1,2],"a":{}})");
  for (const std::string text : {"", "{", "[]", "1", "\"a\"", "null", "{'a': 1}"}) {
    INFO(text);
    CHECK(test::kind_of([&] { compact_object(text); }) == ErrorKind::invalid_argument);
  }
}

}  // namespace
}  // namespace faasnap::function
