// SPDX-License-Identifier: Apache-2.0

#include "network_config.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include "json_members.h"
#include "rapidjson.h"
#include "text.h"

namespace faasnap::init {
namespace {

constexpr std::uint64_t kLeastMtu = 68;
constexpr std::uint64_t kMostMtu = 65535;
constexpr std::size_t kMacBytes = 6;

std::optional<IpAddress> parse_ip(std::string_view text) {
  const std::string name(text);
  for (const int family : {AF_INET, AF_INET6}) {
    char bytes[16];
    if (::inet_pton(family, name.c_str(), bytes) == 1) {
      const std::size_t size = family == AF_INET ? 4 : 16;
      return IpAddress{family, std::string(bytes, size), static_cast<unsigned>(size * 8)};
    }
  }
  return std::nullopt;
}

// Returns an address with the length of its prefix, "192.0.2.2/24".
std::optional<IpAddress> parse_ip_and_prefix(std::string_view text) {
  const auto [name, bits] = split(text, '/');
  auto address = parse_ip(name);
  const auto prefix = parse_number(bits);
  if (!address || !prefix || *prefix == 0 || *prefix > address->prefix) {
    return std::nullopt;
  }
  address->prefix = static_cast<unsigned>(*prefix);
  return address;
}

// Returns 6 bytes; empty if `text` is not pairs of hexadecimal digits with colons between them.
std::string parse_mac(std::string_view text) {
  std::string digits;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (i % 3 != 2) {
      digits += text[i];
    } else if (text[i] != ':') {
      return {};
    }
  }
  const auto bytes = parse_hex(digits);
  return bytes && bytes->size() == kMacBytes && text.size() == kMacBytes * 3 - 1 ? *bytes
                                                                                 : std::string();
}

class ConfigReader {
 public:
  ConfigReader(const rapidjson::Value& object, std::string& error)
      : members_(object, "", error), error_(error) {}

  template <typename Parse>
  std::vector<IpAddress> addresses(const char* name, const char* expected, Parse parse) {
    std::vector<IpAddress> found;
    for (const std::string& text : texts(name)) {
      if (auto address = parse(text)) {
        found.push_back(std::move(*address));
      } else {
        reject(name, text, expected);
      }
    }
    return found;
  }

  std::vector<std::string> texts(const char* name) {
    std::vector<std::string> found;
    members_.texts(name, found);
    return found;
  }

  std::string mac() {
    std::string text;
    members_.text("mac", text);
    std::string bytes = parse_mac(text);
    if (!text.empty() && (bytes.empty() || (bytes[0] & 1) != 0)) {
      reject("mac", text, "the address of one interface, 02:00:00:00:00:02");
    }
    return bytes;
  }

  unsigned mtu() {
    unsigned mtu = 0;
    members_.number("mtu", kLeastMtu, kMostMtu, mtu);
    return mtu;
  }

  void reject(const char* name, const std::string& text, const char* expected) {
    if (error_.empty()) {
      error_ = format("%s: '%.60s': expected %s", name, text.c_str(), expected);
    }
  }

 private:
  JsonMembers members_;
  std::string& error_;
};

}  // namespace

std::optional<NetworkConfig> parse_network_config(std::string_view text, std::string& error) {
  rapidjson::Document document;
  document.Parse<kJsonFlags>(text.data(), text.size());
  if (document.HasParseError() || !document.IsObject()) {
    error = "expected a JSON object";
    return std::nullopt;
  }
  error.clear();
  ConfigReader reader(document, error);
  NetworkConfig config;
  config.addresses = reader.addresses("addresses",
                                      "an address and the length of its prefix, "
                                      "192.0.2.2/24",
                                      parse_ip_and_prefix);
  config.gateways = reader.addresses("gateways", "an address", parse_ip);
  if (config.gateways.size() > 2 ||
      (config.gateways.size() == 2 && config.gateways[0].family == config.gateways[1].family)) {
    reader.reject("gateways", "", "at most one of IPv4 and one of IPv6");
  }
  config.dns = reader.texts("dns");
  for (const std::string& server : config.dns) {
    if (!parse_ip(server)) {
      reader.reject("dns", server, "an address");
    }
  }
  config.mac = reader.mac();
  config.mtu = reader.mtu();
  if (!error.empty()) {
    return std::nullopt;
  }
  return config;
}

}  // namespace faasnap::init
