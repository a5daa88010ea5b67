// SPDX-License-Identifier: Apache-2.0

// Answers that are handed on as they come.

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "base/files/fd.h"
#include "guest/chunked_body.h"
#include "guest/http_client.h"
#include "support/support.h"

namespace faasnap::guest {
namespace {

using std::chrono::milliseconds;
using test::bytes_of;
using test::error_of;

constexpr Nanoseconds kLongWait = std::chrono::minutes(2);
constexpr const char* kChunkedHead = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

// An agent that answers what it is told to say, one part after the other.
class TalkingAgent {
 public:
  TalkingAgent() {
    auto [near, far] = base::make_stream_pair();
    client_ = std::make_unique<GuestStream>(near.release());
    agent_ = std::make_unique<GuestStream>(far.release());
  }

  void say(std::string_view part) { agent_->write(bytes_of(part)); }
  void close() { agent_.reset(); }
  // Waits until the client has closed.
  bool sees_end() {
    std::array<std::byte, 4096> buffer;
    while (agent_->read(buffer, kLongWait) != 0) {
    }
    return true;
  }
  HttpResponse ask(const ResponseSink& sink, Nanoseconds timeout = kLongWait) {
    const std::unique_ptr<GuestStream> stream = std::move(client_);
    return http_exchange(*stream, {"POST", "/", "{}"}, timeout, sink);
  }

 private:
  std::unique_ptr<GuestStream> client_;
  std::unique_ptr<GuestStream> agent_;
};

// Remembers what it gets.
struct Notes {
  std::vector<int> heads{};
  std::vector<std::string> pieces{};

  ResponseSink sink() {
    return {[this](const HttpResponse& head) {
              heads.push_back(head.status);
              return true;
            },
            [this](std::string_view piece) {
              pieces.emplace_back(piece);
              return true;
            }};
  }
  std::string text() const {
    std::string all;
    for (const std::string& piece : pieces) {
      all += piece;
    }
    return all;
  }
};

TEST_CASE("a sink gets the head and then each piece before the next one is there") {
  TalkingAgent agent;
  std::vector<std::string> seen;
  const ResponseSink sink{
      [&](const HttpResponse& head) {
        seen.push_back(head.headers.at("a"));
        agent.say("5\r\nfirst\r\n");
        return true;
      },
      [&](std::string_view piece) {
        seen.emplace_back(piece);
        agent.say(seen.size() == 2 ? "6\r\nsecond\r\n" : "0\r\nX-End: yes\r\n\r\n");
        return true;
      }};
  agent.say("HTTP/1.1 200 OK\r\nA: b\r\nTransfer-Encoding: chunked\r\n\r\n");
  const HttpResponse response = agent.ask(sink);
  CHECK(seen == std::vector<std::string>{"b", "first", "second"});
  CHECK(response.status == 200);
  CHECK(response.body.empty());
  CHECK(response.trailers == std::map<std::string, std::string>{{"x-end", "yes"}});
}

TEST_CASE("a body with a length, and one without, reach a sink in pieces") {
  const std::string body(100'000, 'b');
  for (const bool counted : {true, false}) {
    TalkingAgent agent;
    Notes notes;
    std::thread talk([&] {
      agent.say(counted ? "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"
                        : "HTTP/1.1 200 OK\r\n\r\n");
      agent.say(body);
      agent.close();
    });
    agent.ask(notes.sink());
    talk.join();
    CHECK(notes.heads == std::vector{200});
    CHECK(notes.pieces.size() >= body.size() / (16 << 10));
    CHECK(notes.text() == body);
  }
}

TEST_CASE("a sink that wants no more ends the exchange, and the connection closes") {
  SECTION("at the head") {
    TalkingAgent agent;
    agent.say(kChunkedHead);
    const ResponseSink sink{[](const HttpResponse&) { return false; },
                            [](std::string_view) -> bool { throw std::logic_error("a piece"); }};
    CHECK(agent.ask(sink).status == 200);
    CHECK(agent.sees_end());
  }
  SECTION("at a piece") {
    TalkingAgent agent;
    agent.say(kChunkedHead);
    agent.say("1\r\na\r\n1\r\nb\r\n");
    std::string got;
    const ResponseSink sink{[](const HttpResponse&) { return true; },
                            [&](std::string_view piece) {
                              got += piece;
                              return false;
                            }};
    CHECK(agent.ask(sink).status == 200);
    CHECK(got == "a");
    CHECK(agent.sees_end());
  }
}

TEST_CASE("what a sink throws reaches the caller, and the connection closes") {
  TalkingAgent agent;
  agent.say(kChunkedHead);
  agent.say("1\r\na\r\n");
  const ResponseSink sink{[](const HttpResponse&) { return true; },
                          [](std::string_view) -> bool { throw std::out_of_range("mine"); }};
  CHECK_THROWS_AS(agent.ask(sink), std::out_of_range);
  CHECK(agent.sees_end());
}

TEST_CASE("a stream that ends within its body is an error after the pieces that came") {
  for (const char* part : {"a\r\n12345", "5\r\n12345", "5\r\n12345\r\n", "5\r\n12345\r\n0\r\n",
                           "5\r\n12345\r\n0\r\nA: b\r\n"}) {
    TalkingAgent agent;
    agent.say(kChunkedHead);
    agent.say(part);
    agent.close();
    Notes notes;
    const Error error = error_of([&] { agent.ask(notes.sink()); });
    CHECK(error.kind() == ErrorKind::guest);
    CHECK(std::string(error.what()).find("before its last chunk") != std::string::npos);
    CHECK(notes.text() == "12345");
  }
}

TEST_CASE("a stream that stalls after its first piece times out") {
  TalkingAgent agent;
  agent.say(kChunkedHead);
  agent.say("5\r\nfirst\r\n");
  Notes notes;
  CHECK(error_of([&] { agent.ask(notes.sink(), milliseconds(60)); }).kind() == ErrorKind::timeout);
  CHECK(notes.text() == "first");
}

TEST_CASE("a sink's own time is a part of the exchange's") {
  TalkingAgent agent;
  agent.say(kChunkedHead);
  agent.say("1\r\na\r\n");
  const ResponseSink slow{[](const HttpResponse&) { return true; },
                          [&](std::string_view) {
                            std::this_thread::sleep_for(milliseconds(200));
                            agent.say("1\r\nb\r\n");
                            return true;
                          }};
  CHECK(error_of([&] { agent.ask(slow, milliseconds(100)); }).kind() == ErrorKind::timeout);
}

TEST_CASE("a stream of more than 64 MiB is given up, and nothing beyond is handed on") {
  TalkingAgent agent;
  std::thread talk([&] {
    try {
      agent.say(kChunkedHead);
      const std::string chunk = "100000\r\n" + std::string(1 << 20, 'x') + "\r\n";
      for (int i = 0; i < 80; ++i) {
        agent.say(chunk);
      }
    } catch (const Error&) {
      // The client gave up.
    }
  });
  std::size_t total = 0;
  const ResponseSink sink{[](const HttpResponse&) { return true; },
                          [&](std::string_view piece) {
                            total += piece.size();
                            return true;
                          }};
  const Error error = error_of([&] { agent.ask(sink); });
  talk.join();
  CHECK(error.kind() == ErrorKind::guest);
  CHECK(std::string(error.what()).find("more than 67108864 bytes") != std::string::npos);
  CHECK(total <= kMaximumBody.value);
  CHECK(total > kMaximumBody.value - (64 << 10));
}

TEST_CASE("a chunked reply is the same when it is wanted as a whole, however it is cut") {
  const std::string reply = std::string(kChunkedHead) +
                            "5;name=value\r\nfirst\r\n00A \r\n0123456789\r\n0\r\n"
                            "X-Amz-Log-Result: bG9n\r\nA: 1\r\na: 2\r\n\r\nmore";
  for (const std::size_t piece : {std::size_t{1}, std::size_t{2}, std::size_t{7}, reply.size()}) {
    auto [near, far] = base::make_stream_pair();
    GuestStream stream(near.release());
    std::thread agent([&reply, piece, socket = far.release()] {
      GuestStream writing(socket);
      try {
        for (std::size_t i = 0; i < reply.size(); i += piece) {
          writing.write(bytes_of(std::string_view(reply).substr(i, piece)));
        }
        std::array<std::byte, 4096> rest;
        while (writing.read(rest, kLongWait) != 0) {
        }
      } catch (const Error&) {
        // The client needs no more, and has closed.
      }
    });
    HttpResponse response = http_exchange(stream, {"GET", "/", ""}, kLongWait);
    { const GuestStream closed = std::move(stream); }
    agent.join();
    CHECK(response.body == "first0123456789");
    CHECK(response.trailers ==
          std::map<std::string, std::string>{{"a", "2"}, {"x-amz-log-result", "bG9n"}});
  }
}

ErrorKind kind_of_body(std::string_view body) {
  ChunkedBody chunked;
  return error_of([&] { chunked.feed(body, [](std::string_view) { return true; }); }).kind();
}

TEST_CASE("what is not a chunked body is an error of the guest") {
  for (const std::string& body :
       {std::string("\r\n"), std::string("x\r\n"), std::string("-1\r\n"), std::string("0x1\r\n"),
        std::string("1\n"), std::string("1\r\nab\r\n"), std::string("1\r\na\n"),
        std::string("1\r\na\r\n\r\n"), std::string("4000001\r\n"),
        std::string("10000000000000000\r\n"), std::string("1 2\r3\r\n"), std::string("1;\0\r\n", 5),
        std::string("0\r\nno colon\r\n"), std::string("0\r\nA : b\r\n"), std::string(300, '0')}) {
    CHECK(kind_of_body(body) == ErrorKind::guest);
  }
}

TEST_CASE("trailers without end are given up at 64 KiB, whatever their lines") {
  std::string lines = "0\r\n";
  while (lines.size() <= kMaximumHead.value) {
    lines += "A: b\r\n";
  }
  CHECK(kind_of_body(lines + "A: b\r\n") == ErrorKind::guest);
  CHECK(kind_of_body("0\r\nA: " + std::string(kMaximumHead.value, 'b')) == ErrorKind::guest);
}

}  // namespace
}  // namespace faasnap::guest
