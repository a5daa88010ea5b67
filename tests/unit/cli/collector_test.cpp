// SPDX-License-Identifier: Apache-2.0

#include "output/collector.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "cli/support.h"
#include "tools/failure.h"

namespace faasnap::cli {
namespace {

using Catch::Matchers::ContainsSubstring;
using test::DeadPort;
using test::FakeCollector;

TEST_CASE("a collector gets the spans as a JSON document at the path that was named") {
  const FakeCollector server;
  CHECK(Collector(server.url("/api/v2/spans")).post(R"([{"id":"1"}])").empty());
  CHECK(Collector(server.url("")).post("[]").empty());
  const auto requests = server.requests();
  REQUIRE(requests.size() == 2);
  CHECK(requests[0].path == "/api/v2/spans");
  CHECK(requests[0].type == "application/json");
  CHECK(requests[0].body == R"([{"id":"1"}])");
  CHECK(requests[1].path == "/");
}

TEST_CASE("a status that is not 2xx tells that the spans were not taken") {
  const int status = GENERATE(302, 404, 500);
  const FakeCollector server(status);
  const std::string url = server.url("/spans");
  CHECK_THAT(Collector(url).post("[]"),
             ContainsSubstring(url) && ContainsSubstring(std::to_string(status)));
  CHECK(server.requests().size() == 1);
}

TEST_CASE("a collector that is down is named") {
  const DeadPort dead;
  CHECK_THAT(Collector(dead.url()).post("[]"),
             ContainsSubstring(dead.url()) && ContainsSubstring("did not accept"));
}

TEST_CASE("a collector is named by an HTTP URL with a host and a port that exist") {
  for (const char* url : {"http://", "https://host/", "http://host:65536/", "http://host:0/",
                          "http://::1/", "http://user@host/", "http://host/a b", "host:9411/"}) {
    CAPTURE(url);
    CHECK_THROWS_AS(Collector(url), tools::UsageError);
  }
  for (const char* url : {"http://host", "http://host:9411", "http://[::1]:9411/api/v2/spans"}) {
    CAPTURE(url);
    CHECK_NOTHROW(Collector(url));
  }
}

}  // namespace
}  // namespace faasnap::cli
