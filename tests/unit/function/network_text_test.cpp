// SPDX-License-Identifier: Apache-2.0

#include "function/network_text.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <faasnap/error.h>
#include <faasnap/function_host.h>

#include "support/support.h"

namespace faasnap::function {
namespace {

using Catch::Matchers::ContainsSubstring;

std::string reason_for(const NetworkConfig& config) {
  try {
    to_network_text(config);
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::invalid_argument);
    return error.what();
  }
  return {};
}

TEST_CASE("a guest's network is a word of the kernel command line") {
  const NetworkConfig config{.addresses = {"10.0.0.2/24", "fd00::2/64"},
                             .gateways = {"10.0.0.1", "fd00::1"},
                             .dns = {"10.0.0.1"},
                             .mac = MacAddress{{2, 0, 0, 0, 0, 0xab}},
                             .mtu = 1400};
  CHECK(FunctionHost::network_word(config) ==
        R"(faasnap.network={"addresses":["10.0.0.2/24","fd00::2/64"],)"
        R"("gateways":["10.0.0.1","fd00::1"],"dns":["10.0.0.1"],"mac":"02:00:00:00:00:ab",)"
        R"("mtu":1400})");
  CHECK(FunctionHost::network_word({}) == "faasnap.network={}");
}

TEST_CASE("what cannot be a network is refused by the name of its member") {
  for (const char* address : {"", "10.0.0.2", "10.0.0.2/", "10.0.0.2/0", "10.0.0.2/33",
                              "fd00::2/129", "host/24", "10.0.0.2/24 x=1", "10.0.0.2/2 4"}) {
    CAPTURE(address);
    CHECK_THAT(reason_for({.addresses = {address}}), ContainsSubstring("address '"));
  }
  CHECK_THAT(reason_for({.gateways = {"10.0.0.1/24"}}), ContainsSubstring("gateway '10.0.0.1/24'"));
  CHECK_THAT(reason_for({.gateways = {"10.0.0.1", "10.0.0.3"}}),
             ContainsSubstring("one of IPv4 and one of IPv6"));
  CHECK_THAT(reason_for({.dns = {"name.example"}}), ContainsSubstring("dns 'name.example'"));
  CHECK_THAT(reason_for({.mac = MacAddress{{1, 0, 0, 0, 0, 1}}}), ContainsSubstring("mac '01:"));
  CHECK_THAT(reason_for({.mtu = 67}), ContainsSubstring("mtu '67'"));
}

TEST_CASE("the agent says how many connections it has reset, or that it cannot") {
  CHECK(reset_connections(R"({"status": "ok", "reset_connections": 3})") == 3);
  CHECK_FALSE(reset_connections(R"({"reset_connections": null})"));
  for (const char* reply :
       {"", "[]", "3", "{}", R"({"reset_connections": -1})", R"({"reset_connections": "3"})"}) {
    CAPTURE(reply);
    CHECK(test::kind_of([&] { reset_connections(reply); }) == ErrorKind::guest);
  }
}

}  // namespace
}  // namespace faasnap::function
