// SPDX-License-Identifier: Apache-2.0

// Streamed answers, up to the bytes that a client gets, without a guest.

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <future>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/error.h"
#include "http/server.h"
#include "lambda/answer_stream.h"
#include "lambda/event_stream.h"

namespace platform::lambda {
namespace {

using namespace std::string_view_literals;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::minutes kSoon{2};

// Gives each of `pieces` to the sink.
AnswerStream::Run saying(std::vector<std::string> pieces, const Outcome& outcome = {}) {
  return [pieces = std::move(pieces), outcome](const AnswerSink& sink) {
    sink.begin(Clock::now() + kSoon);
    for (const std::string& piece : pieces) {
      sink.piece(piece);
    }
    return outcome;
  };
}

std::vector<std::string> taken_from(AnswerStream& answer) {
  std::vector<std::string> pieces;
  while (auto piece = answer.next()) {
    pieces.push_back(*piece);
  }
  return pieces;
}

// A server that answers every request with a stream.
class StreamingServer {
 public:
  explicit StreamingServer(AnswerStream::Run run, bool wants_log = false) {
    server_.Post("/", [run = std::move(run), wants_log](const auto&, httplib::Response& response) {
      try {
        reply_stream(response, wants_log, run);
      } catch (const std::exception& error) {
        response.status = 500;
        response.set_content(error.what(), "text/plain");
      }
    });
    port_ = server_.bind("127.0.0.1", 0);
    serving_ = server_.start();
  }
  ~StreamingServer() {
    end();
    serving_.join();
  }

  void end() {
    if (!ended_.exchange(true)) {
      server_.end();
    }
  }
  httplib::Result post() const {
    httplib::Client client("127.0.0.1", port_);
    return client.Post("/", "{}", "application/json");
  }
  int port() const { return port_; }

 private:
  http::Server server_;
  int port_ = 0;
  std::atomic<bool> ended_ = false;
  std::thread serving_;
};

TEST_CASE("event-stream messages are as other encoders make them") {
  CHECK(event_message({}, "") == "\0\0\0\x10\0\0\0\0\x05\xc2\x48\xeb\x7d\x98\xc8\xff"sv);
  CHECK(event_message({}, "{'foo':'bar'}") ==
        "\0\0\0\x1d\0\0\0\0\xfd\x52\x8c\x5a{'foo':'bar'}\xc3\x65\x39\x36"sv);
  CHECK(event_message({{"content-type", "application/json"}}, "{'foo':'bar'}") ==
        "\0\0\0=\0\0\0 \x07\xfd\x83\x96\x0c"
        "content-type\x07\0\x10"
        "application/json{'foo':'bar'}\x8d\x9c\x08\xb1"sv);
}

TEST_CASE("a stream's last event says what went wrong, and has the log only if it is wanted") {
  const auto body = [](const StreamEnd& end) {
    const std::string message = invoke_complete(end);
    const auto begin = message.find('{');
    return message.substr(begin, message.size() - 4 - begin);
  };
  CHECK(body({}) == "{}");
  CHECK(body({.error_code = "Unhandled", .error_details = "a \"word\"\xff"}) ==
        "{\"ErrorCode\":\"Unhandled\",\"ErrorDetails\":\"a \\\"word\\\"\xef\xbf\xbd\"}");
  CHECK(body({.has_log = true, .log = "bG9n"}) == "{\"LogResult\":\"bG9n\"}");
}

TEST_CASE("an answer's pieces come in order, and its outcome after them") {
  Outcome outcome;
  outcome.log = "bG9n";
  AnswerStream answer(saying({"one", "two", "three"}, outcome));
  answer.wait_for_begin();
  CHECK(taken_from(answer) == std::vector<std::string>{"one", "two", "three"});
  CHECK(answer.end().log == "bG9n");
}

TEST_CASE("what fails before an answer begins is thrown, and what fails later is its end") {
  AnswerStream refused([](const AnswerSink&) -> Outcome { throw std::out_of_range("early"); });
  CHECK_THROWS_AS(refused.wait_for_begin(), std::out_of_range);
  AnswerStream broken([](const AnswerSink& sink) -> Outcome {
    sink.begin(Clock::now() + kSoon);
    sink.piece("part");
    throw std::out_of_range("late");
  });
  broken.wait_for_begin();
  CHECK(taken_from(broken) == std::vector<std::string>{"part"});
  CHECK_THROWS_AS(broken.end(), std::out_of_range);
}

TEST_CASE("the function waits for its client, and one piece at most is held") {
  std::atomic<int> given = 0;
  AnswerStream answer([&](const AnswerSink& sink) {
    sink.begin(Clock::now() + kSoon);
    for (; given < 10; ++given) {
      sink.piece("piece");
    }
    return Outcome();
  });
  answer.wait_for_begin();
  for (int taken = 0; taken < 10; ++taken) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    CHECK(given <= taken + 1);
    CHECK(answer.next() == "piece");
  }
  CHECK(!answer.next());
}

TEST_CASE("a client that takes too long gets no more, is told so, and holds up nobody") {
  AnswerStream answer([](const AnswerSink& sink) {
    sink.begin(Clock::now() + std::chrono::milliseconds(20));
    for (int i = 0; i < 1000; ++i) {
      sink.piece("piece");
    }
    return Outcome();
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  CHECK(taken_from(answer) == std::vector<std::string>{"piece"});
  CHECK_THROWS_AS(answer.end(), RequestError);
}

TEST_CASE("an invocation runs to its end although its client goes") {
  std::atomic<bool> ended = false;
  {
    AnswerStream answer([&](const AnswerSink& sink) {
      sink.begin(Clock::now() + kSoon);
      for (int i = 0; i < 1000; ++i) {
        sink.piece("piece");
      }
      ended = true;
      return Outcome();
    });
    answer.wait_for_begin();
    CHECK(answer.next() == "piece");
  }
  CHECK(ended);
}

TEST_CASE("a client gets each piece as an event, and the end as the last one") {
  Outcome outcome;
  outcome.error = "Unhandled";
  outcome.payload = "{}";
  outcome.log = "bG9n";
  const StreamingServer server(saying({"first", std::string(100'000, 'x')}, outcome), true);
  const auto response = server.post();
  REQUIRE(response);
  CHECK(response->status == 200);
  CHECK(response->get_header_value("Content-Type") == "application/vnd.amazon.eventstream");
  CHECK(
      response->body ==
      payload_chunk("first") + payload_chunk(std::string(100'000, 'x')) +
          invoke_complete(
              {.error_code = "Unhandled", .error_details = "{}", .has_log = true, .log = "bG9n"}));
}

TEST_CASE("a guest that is lost within its answer is the stream's end") {
  const StreamingServer server([](const AnswerSink& sink) -> Outcome {
    sink.begin(Clock::now() + kSoon);
    sink.piece("part");
    throw RequestError(Refusal::unavailable, "the guest has ended");
  });
  const auto response = server.post();
  REQUIRE(response);
  CHECK(response->body ==
        payload_chunk("part") + invoke_complete({.error_code = "ServiceException",
                                                 .error_details = "the guest has ended"}));
}

TEST_CASE("a server that is told to end lets streams end that have not begun") {
  std::atomic<bool> runs = false;
  std::atomic<bool> goes_on = false;
  StreamingServer server([&](const AnswerSink& sink) {
    runs = true;
    while (!goes_on) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    sink.begin(Clock::now() + kSoon);
    sink.piece("all");
    return Outcome();
  });
  auto client = std::async(std::launch::async, [&] { return server.post(); });
  while (!runs) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  server.end();
  goes_on = true;
  const auto response = client.get();
  REQUIRE(response);
  CHECK(response->body == payload_chunk("all") + invoke_complete({}));
}

TEST_CASE("a client that goes away ends its connection, and the function goes on") {
  std::atomic<bool> ended = false;
  {
    const StreamingServer server([&](const AnswerSink& sink) {
      sink.begin(Clock::now() + kSoon);
      const std::string piece(1 << 20, 'x');
      for (int i = 0; i < 100; ++i) {
        sink.piece(piece);
      }
      ended = true;
      return Outcome();
    });
    httplib::Client client("127.0.0.1", server.port());
    httplib::Request request;
    request.method = "POST";
    request.path = "/";
    request.content_receiver = [](const char*, std::size_t, std::uint64_t, std::uint64_t) {
      return false;
    };
    CHECK(!client.send(request));
  }
  CHECK(ended);
}

}  // namespace
}  // namespace platform::lambda
