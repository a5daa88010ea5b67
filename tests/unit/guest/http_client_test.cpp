// SPDX-License-Identifier: Apache-2.0

#include "guest/http_client.h"

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <thread>

#include "base/clock.h"
#include "base/files/fd.h"
#include "guest/agent_client.h"
#include "support/support.h"

namespace faasnap::guest {
namespace {

using std::chrono::milliseconds;
using test::bytes_of;
using test::error_of;

constexpr Nanoseconds kPatience = std::chrono::minutes(2);

// An agent that reads one request and sends fixed bytes, in pieces, then closes.
class FakeAgent {
 public:
  explicit FakeAgent(std::string reply, std::size_t piece = 1 << 20) {
    auto [near, far] = base::make_stream_pair();
    client_ = std::make_unique<GuestStream>(near.release());
    thread_ = std::thread([this, reply = std::move(reply), piece, socket = far.release()] {
      GuestStream stream(socket);
      try {
        read_request(stream);
        for (std::size_t i = 0; i < reply.size(); i += piece) {
          stream.write(bytes_of(std::string_view(reply).substr(i, piece)));
        }
      } catch (const Error&) {
        // The client gave up.
      }
    });
  }
  ~FakeAgent() {
    client_.reset();
    thread_.join();
  }

  GuestStream& stream() { return *client_; }
  HttpResponse get() { return http_exchange(*client_, {"GET", "/healthz", ""}, kPatience); }
  // Only after an exchange.
  const std::string& request() const { return request_; }

 private:
  void read_request(GuestStream& stream) {
    std::array<std::byte, 4096> buffer;
    while (request_.find("\r\n\r\n") == std::string::npos) {
      const std::size_t got = stream.read(buffer, kPatience);
      if (got == 0) {
        return;
      }
      request_ += test::text_of(std::span(buffer).first(got));
    }
  }

  std::unique_ptr<GuestStream> client_;
  std::string request_;
  std::thread thread_;
};

ErrorKind kind_for(const std::string& reply) {
  FakeAgent agent(reply);
  return error_of([&] { agent.get(); }).kind();
}

TEST_CASE("an exchange returns status and body, and when the first byte of them came") {
  FakeAgent agent(
      "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}");
  const Nanoseconds before = base::monotonic_now();
  const HttpResponse response = agent.get();
  CHECK(response.first_byte >= before);
  CHECK(response.first_byte <= base::monotonic_now());
  CHECK(response.status == 200);
  CHECK(response.body == "{}");
}

TEST_CASE("a reply that arrives byte by byte is the same reply") {
  FakeAgent agent("HTTP/1.0 503 Not yet\r\ncontent-length:   5  \r\n\r\nabcde", 1);
  const HttpResponse response = agent.get();
  CHECK(response.status == 503);
  CHECK(response.body == "abcde");
}

TEST_CASE("a request carries method, target, body and its length, and asks to close") {
  FakeAgent agent("HTTP/1.1 204\r\n\r\n");
  http_exchange(agent.stream(), {"POST", "/invoke?function=json", "{\"n\":1}", "A: b\r\n"},
                kPatience);
  CHECK(agent.request().starts_with("POST /invoke?function=json HTTP/1.1\r\nHost: "));
  CHECK(agent.request().find("\r\nConnection: close, TE\r\n") != std::string::npos);
  CHECK(agent.request().find("\r\nContent-Length: 7\r\n") != std::string::npos);
  CHECK(agent.request().ends_with("\r\nA: b\r\n\r\n{\"n\":1}"));
}

TEST_CASE("an agent that refuses a request by its head is heard while the body is being sent") {
  const std::string body(17 << 20, 'b');
  const std::string reply =
      "HTTP/1.1 413 Content Too Large\r\nContent-Length: 17\r\n\r\n{\"error\":\"large\"}";
  SECTION("and closes the connection") {
    FakeAgent agent(reply);
    const HttpResponse response =
        http_exchange(agent.stream(), {"POST", "/invoke", body}, kPatience);
    CHECK(response.status == 413);
    CHECK(response.body == "{\"error\":\"large\"}");
  }
  SECTION("and keeps it open, without reading on") {
    auto [near, far] = base::make_stream_pair();
    GuestStream stream(near.release());
    GuestStream agent(far.release());
    agent.write(bytes_of(reply));
    CHECK(http_exchange(stream, {"POST", "/invoke", body}, kPatience).status == 413);
  }
}

TEST_CASE("a guest that closes in the middle of the request, without a reply, is an error of it") {
  auto [near, far] = base::make_stream_pair();
  GuestStream stream(near.release());
  std::thread agent([socket = far.release()] {
    GuestStream closing(socket);
    std::array<std::byte, 100> some;
    closing.read(some, kPatience);
  });
  const std::string body(17 << 20, 'b');
  const auto exchange = [&] { http_exchange(stream, {"POST", "/invoke", body}, kPatience); };
  CHECK(error_of(exchange).kind() == ErrorKind::guest);
  agent.join();
}

TEST_CASE("an agent that neither reads nor answers cannot stretch the timeout") {
  auto [near, far] = base::make_stream_pair();
  GuestStream stream(near.release());
  const GuestStream agent(far.release());
  const std::string body(17 << 20, 'b');
  const auto exchange = [&] { http_exchange(stream, {"POST", "/", body}, milliseconds(60)); };
  CHECK(error_of(exchange).kind() == ErrorKind::timeout);
}

TEST_CASE("without a length the body goes on to the end of the stream") {
  FakeAgent agent("HTTP/1.1 200 OK\r\n\r\nall of this");
  CHECK(agent.get().body == "all of this");
}

TEST_CASE("the reply to HEAD has no body, whatever length it states") {
  FakeAgent agent("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n");
  CHECK(http_exchange(agent.stream(), {"HEAD", "/", ""}, kPatience).body.empty());
}

TEST_CASE("a body of some megabytes arrives whole") {
  const std::string body(5 << 20, 'b');
  FakeAgent agent("HTTP/1.1 200 OK\r\nContent-Length: 5242880\r\n\r\n" + body, 10'000);
  CHECK(agent.get().body == body);
}

TEST_CASE("what is no HTTP reply is an error of the guest") {
  CHECK(kind_for("") == ErrorKind::guest);
  CHECK(kind_for("\r\n\r\n") == ErrorKind::guest);
  CHECK(kind_for("SSH-2.0-OpenSSH\r\n\r\n") == ErrorKind::guest);
  CHECK(kind_for("HTTP/1.1 2x0 OK\r\n\r\n") == ErrorKind::guest);
  CHECK(kind_for("HTTP/1.1 2000 OK\r\n\r\n") == ErrorKind::guest);
  CHECK(kind_for("HTTP/1.1 099 OK\r\n\r\n") == ErrorKind::guest);
  CHECK(kind_for("HTTP/1.1 100 Continue\r\n\r\n") == ErrorKind::guest);
  CHECK(kind_for("HTTP/1.1 200 OK\r\nno colon\r\n\r\n") == ErrorKind::guest);
  CHECK(kind_for("HTTP/1.1 200 OK\r\nName : x\r\n\r\n") == ErrorKind::guest);
  CHECK(kind_for("HTTP/1.1 200 OK\r\nA: b\n c: d\r\n\r\n") == ErrorKind::guest);
  CHECK(kind_for("HTTP/1.1 200 OK\r\nA: b\r\n folded: x\r\n\r\n") == ErrorKind::guest);
}

TEST_CASE("a length that is no number, negative, contradictory or huge is refused") {
  const std::string start = "HTTP/1.1 200 OK\r\nContent-Length: ";
  CHECK(kind_for(start + "two\r\n\r\n{}") == ErrorKind::guest);
  CHECK(kind_for(start + "-1\r\n\r\n{}") == ErrorKind::guest);
  CHECK(kind_for(start + "\r\n\r\n{}") == ErrorKind::guest);
  CHECK(kind_for(start + "2, 2\r\n\r\n{}") == ErrorKind::guest);
  CHECK(kind_for(start + "2\r\nContent-Length: 3\r\n\r\n{}") == ErrorKind::guest);
  CHECK(kind_for(start + "67108865\r\n\r\n{}") == ErrorKind::guest);
  CHECK(kind_for(start + "18446744073709551616\r\n\r\n{}") == ErrorKind::guest);
}

TEST_CASE("a transfer encoding that is not chunked is refused by name") {
  for (const char* encoding :
       {"gzip", "gzip, chunked", "", "chunked\r\nTransfer-Encoding: chunked"}) {
    FakeAgent agent(std::string("HTTP/1.1 200 OK\r\nTransfer-Encoding: ") + encoding +
                    "\r\n\r\n0\r\n\r\n");
    const Error error = error_of([&] { agent.get(); });
    CHECK(error.kind() == ErrorKind::guest);
    CHECK(std::string(error.what()).find("transfer encoding") != std::string::npos);
  }
  CHECK(kind_for("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
                 "0\r\n\r\n") == ErrorKind::guest);
}

TEST_CASE("a reply that ends early says by how much") {
  FakeAgent agent("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
  CHECK(std::string(error_of([&] { agent.get(); }).what()).find("7 bytes early") !=
        std::string::npos);
}

TEST_CASE("headers without end are given up at 64 KiB") {
  CHECK(kind_for("HTTP/1.1 200 OK\r\nA: " + std::string(100 << 10, 'x')) == ErrorKind::guest);
}

TEST_CASE("a body without length is given up beyond 64 MiB") {
  CHECK(kind_for("HTTP/1.1 200 OK\r\n\r\n" + std::string((64 << 20) + 1, 'x')) == ErrorKind::guest);
}

TEST_CASE("an agent that dribbles cannot stretch the timeout") {
  auto [near, far] = base::make_stream_pair();
  GuestStream stream(near.release());
  std::thread dribbler([socket = far.release()] {
    GuestStream agent(socket);
    try {
      for (;;) {
        agent.write(bytes_of("H"));
        std::this_thread::sleep_for(milliseconds(5));
      }
    } catch (const Error&) {
      // The client is gone.
    }
  });
  const auto exchange = [&] { http_exchange(stream, {"GET", "/", ""}, milliseconds(60)); };
  CHECK(error_of(exchange).kind() == ErrorKind::timeout);
  { const GuestStream gone = std::move(stream); }
  dribbler.join();
}

TEST_CASE("a target or method that would break the request is an invalid argument") {
  FakeAgent agent("HTTP/1.1 200 OK\r\n\r\n");
  for (const char* target : {"", "/a b", "/a\r\nX: y", "/\x80"}) {
    CHECK(error_of([&] {
            http_exchange(agent.stream(), {"GET", target, ""}, kPatience);
          }).kind() == ErrorKind::invalid_argument);
  }
}

TEST_CASE("the headers of a reply are found by their names in lower case") {
  const HttpHead head =
      parse_http_head("HTTP/1.1 200 OK\r\nX-Amz-Log-Result:  bG9n \r\nCONTENT-length: 3");
  CHECK(head.headers.at("x-amz-log-result") == "bG9n");
  CHECK(head.headers.at("content-length") == "3");
  CHECK(head.content_length == 3);
}

TEST_CASE("a request's headers are lines, and none can smuggle another one") {
  CHECK(header_lines({{"X-A", "1"}, {"X-B", "two words"}}) == "X-A: 1\r\nX-B: two words\r\n");
  CHECK(header_lines({}).empty());
  CHECK(error_of([] {
          header_lines({{"X-A", "1\r\nX-B: 2"}});
        }).kind() == ErrorKind::invalid_argument);
  CHECK(error_of([] { header_lines({{"X A", "1"}}); }).kind() == ErrorKind::invalid_argument);
  CHECK(error_of([] { header_lines({{"", "1"}}); }).kind() == ErrorKind::invalid_argument);
}

TEST_CASE("percent-encoding leaves unreserved characters alone") {
  CHECK(percent_encode("json-1_a.b~C") == "json-1_a.b~C");
  CHECK(percent_encode("a b&c=/\xff") == "a%20b%26c%3D%2F%FF");
}

// Waiting for the agent.

class ScriptedSite {
 public:
  // The result of each attempt: "" for a refused connection, or the reply; the last one repeats.
  explicit ScriptedSite(std::vector<std::string> replies, std::string end_reason = "")
      : replies_(std::move(replies)), end_reason_(std::move(end_reason)) {}

  AgentSite site() {
    return {[this](Nanoseconds) { return connect(); }, [this] { return end_reason_; }};
  }
  std::size_t attempts() const { return attempts_; }

 private:
  GuestStream connect() {
    const std::string& reply = replies_[std::min(attempts_++, replies_.size() - 1)];
    if (reply.empty()) {
      throw Error(ErrorKind::guest, "connect", "", "nothing listens");
    }
    agents_.push_back(std::make_unique<FakeAgent>(reply));
    return GuestStream(agents_.back()->stream().release());
  }

  std::vector<std::string> replies_;
  std::string end_reason_;
  std::size_t attempts_ = 0;
  std::vector<std::unique_ptr<FakeAgent>> agents_;
};

TEST_CASE("waiting for the agent goes on while nothing listens and it is not ready") {
  ScriptedSite scripted({"", "", "HTTP/1.1 503 Starting\r\n\r\n", "garbage\r\n\r\n",
                         "HTTP/1.1 200 OK\r\n\r\n{\"ok\":true}"});
  CHECK(wait_until_ready(scripted.site(), kPatience) == "{\"ok\":true}");
  CHECK(scripted.attempts() == 5);
}

TEST_CASE("waiting for the agent ends when the guest does, with the reason") {
  ScriptedSite scripted({""}, "the guest has ended: panicked");
  const Error error = error_of([&] { wait_until_ready(scripted.site(), kPatience); });
  CHECK(error.kind() == ErrorKind::guest);
  CHECK(std::string(error.what()).find("panicked") != std::string::npos);
}

TEST_CASE("waiting for an agent that never comes ends in a timeout that tells the last failure") {
  ScriptedSite scripted({""});
  const Error error = error_of([&] { wait_until_ready(scripted.site(), milliseconds(50)); });
  CHECK(error.kind() == ErrorKind::timeout);
  CHECK(std::string(error.what()).find("nothing listens") != std::string::npos);
}

TEST_CASE("an error that is not the guest's ends the wait at once") {
  const AgentSite site{[](Nanoseconds) -> GuestStream {
                         throw Error(ErrorKind::internal, "connect", "", "out of descriptors");
                       },
                       [] { return std::string(); }};
  CHECK(error_of([&] { wait_until_ready(site, kPatience); }).kind() == ErrorKind::internal);
}

}  // namespace
}  // namespace faasnap::guest
