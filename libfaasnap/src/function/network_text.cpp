// SPDX-License-Identifier: Apache-2.0

#include "function/network_text.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <nlohmann/json.hpp>
#include <set>

#include "base/error.h"
#include "base/text.h"

namespace faasnap::function {
namespace {

constexpr const char* kConfiguring = "configure the guest's network";
constexpr unsigned kLeastMtu = 68;
constexpr int kNoAddress = 0;

[[noreturn]] void reject_member(const char* member, std::string_view value, const char* expected) {
  base::fail(ErrorKind::invalid_argument, kConfiguring, {},
             fmt::format("{} '{}': expected {}", member, base::printable(value), expected));
}

// Returns AF_INET, AF_INET6 or kNoAddress.
int family_of(const std::string& address) {
  std::array<unsigned char, 16> bytes{};
  for (const int family : {AF_INET, AF_INET6}) {
    if (::inet_pton(family, address.c_str(), bytes.data()) == 1) {
      return family;
    }
  }
  return kNoAddress;
}

bool is_interface_address(const std::string& text) {
  const auto slash = text.find('/');
  const int family = family_of(text.substr(0, slash));
  const auto prefix = slash == std::string::npos
                          ? std::nullopt
                          : base::parse_number<unsigned>(std::string_view(text).substr(slash + 1));
  return family != kNoAddress && prefix && *prefix >= 1 &&
         *prefix <= (family == AF_INET ? 32u : 128u);
}

void check_config(const NetworkConfig& config) {
  for (const auto& address : config.addresses) {
    if (!is_interface_address(address)) {
      reject_member("address", address,
                    "an IP address and the length of its network's prefix, such as 192.0.2.2/24");
    }
  }
  std::set<int> families;
  for (const auto& gateway : config.gateways) {
    const int family = family_of(gateway);
    if (family == kNoAddress || !families.insert(family).second) {
      reject_member("gateway", gateway,
                    family == kNoAddress ? "an IP address" : "one of IPv4 and one of IPv6");
    }
  }
  for (const auto& server : config.dns) {
    if (family_of(server) == kNoAddress) {
      reject_member("dns", server, "the IP address of a name server");
    }
  }
  if (config.mac && (config.mac->bytes[0] & 1) != 0) {
    reject_member("mac", fmt::format("{:02x}", fmt::join(config.mac->bytes, ":")),
                  "the address of one interface, not of a group");
  }
  if (config.mtu != 0 && config.mtu < kLeastMtu) {
    reject_member("mtu", std::to_string(config.mtu), "68 to 65535");
  }
}

}  // namespace

std::string to_network_text(const NetworkConfig& config) {
  check_config(config);
  nlohmann::ordered_json text = nlohmann::ordered_json::object();
  for (const auto& [name, values] : {std::pair{"addresses", &config.addresses},
                                     {"gateways", &config.gateways},
                                     {"dns", &config.dns}}) {
    if (!values->empty()) {
      text[name] = *values;
    }
  }
  if (config.mac) {
    text["mac"] = fmt::format("{:02x}", fmt::join(config.mac->bytes, ":"));
  }
  if (config.mtu != 0) {
    text["mtu"] = config.mtu;
  }
  return text.dump();
}

std::optional<std::uint64_t> reset_connections(std::string_view reply) {
  const auto text = nlohmann::json::parse(reply, nullptr, false);
  const auto found = text.is_object() ? text.find("reset_connections") : text.end();
  if (!text.is_object() || found == text.end() ||
      !(found->is_null() || found->is_number_unsigned())) {
    base::fail(ErrorKind::guest, kConfiguring, {},
               "the agent's reply is malformed: expected reset_connections");
  }
  return found->is_null() ? std::nullopt : std::optional(found->get<std::uint64_t>());
}

}  // namespace faasnap::function
