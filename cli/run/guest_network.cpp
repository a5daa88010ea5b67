// SPDX-License-Identifier: Apache-2.0

#include "run/guest_network.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <regex>
#include <string_view>

#include <faasnap/error.h>
#include <faasnap/function_host.h>

#include "tools/failure.h"

namespace faasnap::cli {
namespace {

constexpr std::string_view kTapPrefix = "tap:";
// The number of the connection's descriptor in passt.
constexpr int kPasstSocket = 3;

// The network that a guest behind passt has unless options say otherwise. passt answers at the
// last two addresses itself.
constexpr const char* kPasstAddress = "10.0.2.15/24";
constexpr const char* kPasstGateway = "10.0.2.2";
constexpr const char* kPasstDns = "10.0.2.3";

std::vector<std::string> passt_words(const NetworkChoice& choice) {
  const NetworkConfig& config = choice.config.value();
  // A guest must not reach what listens on the host's loopback interface only.
  std::vector<std::string> words{"passt",       "--foreground", "--quiet",
                                 "--no-map-gw", "--fd",         std::to_string(kPasstSocket)};
  const auto add = [&](const char* option, const std::string& value) {
    words.insert(words.end(), {option, value});
  };
  for (const std::string& address : config.addresses) {
    const auto slash = address.find('/');
    add("--address", address.substr(0, slash));
    if (address.find(':') == std::string::npos) {
      add("--netmask", address.substr(slash + 1));
    }
  }
  for (const std::string& gateway : config.gateways) {
    add("--gateway", gateway);
  }
  for (const std::string& server : config.dns) {
    add(server == kPasstDns ? "--dns-forward" : "--dns", server);
  }
  for (const std::string& ports : choice.forwarded) {
    add("--tcp-ports", ports);
  }
  return words;
}

// Returns true for [ADDRESS/]PORTS[:PORTS], each PORTS a number or a range.
bool is_forwarding(const std::string& text) {
  static const std::regex form(R"(([0-9a-fA-F.:]+/)?\d{1,5}(-\d{1,5})?(:\d{1,5}(-\d{1,5})?)?)");
  return std::regex_match(text, form);
}

MacAddress parse_mac(const std::string& text) {
  MacAddress mac;
  unsigned group = 1;
  char rest = 0;
  std::array<unsigned, 6> values{};
  const int found = std::sscanf(text.c_str(), "%2x:%2x:%2x:%2x:%2x:%2x%c", &values[0], &values[1],
                                &values[2], &values[3], &values[4], &values[5], &rest);
  if (found == static_cast<int>(values.size())) {
    std::copy(values.begin(), values.end(), mac.bytes.begin());
    group = values[0] & 1;
  }
  if (group != 0 || mac.bytes == MacAddress().bytes) {
    throw tools::UsageError(fmt::format(
        "--mac {}: expected the address of one interface, such as 02:00:00:00:00:02", text));
  }
  return mac;
}

// Returns nothing if the guest's interface is to be left alone.
std::optional<NetworkConfig> network_config(const tools::CommandLine& line,
                                            NetworkChoice::Kind kind) {
  NetworkConfig config{.addresses = line.texts("address"),
                       .gateways = line.texts("gateway"),
                       .dns = line.texts("dns")};
  if (const auto mac = line.optional_text("mac")) {
    config.mac = parse_mac(*mac);
  }
  if (config.addresses.empty() && !config.gateways.empty()) {
    throw tools::UsageError("--gateway needs --address");
  }
  if (kind == NetworkChoice::Kind::passt) {
    if (config.addresses.empty()) {
      config.addresses = {kPasstAddress};
      config.gateways = {kPasstGateway};
    }
    if (config.dns.empty()) {
      config.dns = {kPasstDns};
    }
  } else if (config.addresses.empty()) {
    if (!config.dns.empty() || config.mac) {
      throw tools::UsageError(config.mac ? "--mac needs --address" : "--dns needs --address");
    }
    return std::nullopt;
  }
  try {
    FunctionHost::network_word(config);
  } catch (const Error& error) {
    throw tools::UsageError(
        fmt::format("--{}", std::string_view(error.what()).substr(error.operation().size() + 2)));
  }
  return config;
}

}  // namespace

GuestNetwork::Process::~Process() {
  if (process_ != 0) {
    ::kill(process_, SIGTERM);
    while (::waitpid(process_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
}

GuestNetwork::GuestNetwork(const NetworkChoice& choice) {
  if (choice.kind == NetworkChoice::Kind::tap) {
    open_tap(choice);
  } else if (choice.kind == NetworkChoice::Kind::passt) {
    start_passt(choice);
  }
}

void GuestNetwork::open_tap(const NetworkChoice& choice) {
  const std::string& interface = choice.interface;
  const auto fail = [&](const std::string& reason) {
    throw tools::Failure(fmt::format("--network tap:{}: {}", interface, reason));
  };
  ifreq request{};
  if (interface.size() >= sizeof(request.ifr_name) || ::if_nametoindex(interface.c_str()) == 0) {
    fail(fmt::format("no such interface; make it with `ip tuntap add dev {} mode tap`", interface));
  }
  end_ = tools::Descriptor(::open("/dev/net/tun", O_RDWR | O_CLOEXEC));
  if (end_.get() < 0) {
    fail(fmt::format("/dev/net/tun: {}", std::strerror(errno)));
  }
  interface.copy(request.ifr_name, sizeof(request.ifr_name) - 1);
  request.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
  if (::ioctl(end_.get(), TUNSETIFF, &request) != 0) {
    fail(errno == EBUSY ? "in use by another program" : std::strerror(errno));
  }
  options_ = {.kind = NetworkKind::tap,
              .descriptor = end_.get(),
              .mac = choice.config ? choice.config->mac : std::nullopt};
}

void GuestNetwork::start_passt(const NetworkChoice& choice) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    throw tools::Failure(fmt::format("--network passt: {}", std::strerror(errno)));
  }
  end_ = tools::Descriptor(ends[0]);
  const tools::Descriptor theirs(ends[1]);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  // Also takes close-on-exec off.
  ::posix_spawn_file_actions_adddup2(&actions, theirs.get(), kPasstSocket);
  std::vector<std::string> words = passt_words(choice);
  std::vector<char*> arguments;
  for (std::string& word : words) {
    arguments.push_back(word.data());
  }
  arguments.push_back(nullptr);
  pid_t process = 0;
  const int error = ::posix_spawnp(&process, "passt", &actions, nullptr, arguments.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (error != 0) {
    throw tools::Failure(fmt::format("--network passt: the program passt cannot be started: {}{}",
                                     std::strerror(error),
                                     error == ENOENT ? "; install the package passt" : ""));
  }
  passt_ = Process(process);
  options_ = {.kind = NetworkKind::stream,
              .descriptor = end_.get(),
              .mac = choice.config ? choice.config->mac : std::nullopt};
}

void add_network_options(tools::CommandLine& line) {
  line.option("network", "NETWORK",
              "the guest's network: tap:NAME, an interface that exists; passt, one in user space; "
              "or none\n(default: none)");
  line.list("address", "CIDR",
            "the guest's address and the length of its network's prefix, such as 10.0.0.2/24; "
            "repeatable\n(default: with a tap none, with passt 10.0.2.15/24)");
  line.list("gateway", "IP", "where the guest sends everything else; repeatable, once for IPv6");
  line.list("dns", "IP", "a name server of the guest; repeatable");
  line.option("mac", "MAC", "the Ethernet address of the guest (default: a random one)");
  line.list("forward", "PORTS",
            "with passt: ports of the host that lead to the guest, such as 8080 or 8080:80; "
            "repeatable");
}

NetworkChoice network_choice(const tools::CommandLine& line) {
  using Kind = NetworkChoice::Kind;
  const std::string name = line.optional_text("network").value_or("none");
  NetworkChoice choice;
  if (name.starts_with(kTapPrefix) && name.size() > kTapPrefix.size()) {
    choice.kind = Kind::tap;
    choice.interface = name.substr(kTapPrefix.size());
  } else if (name == "passt") {
    choice.kind = Kind::passt;
  } else if (name != "none") {
    throw tools::UsageError(fmt::format("--network {}: expected tap:NAME, passt or none", name));
  }
  for (const char* option : {"address", "gateway", "dns", "mac", "forward"}) {
    if (choice.kind == Kind::none && line.has(option)) {
      throw tools::UsageError(fmt::format("--{} needs --network tap:NAME or passt", option));
    }
  }
  if (choice.kind != Kind::passt && line.has("forward")) {
    throw tools::UsageError("--forward needs --network passt; a tap's ports are the host's affair");
  }
  choice.config = network_config(line, choice.kind);
  choice.forwarded = line.texts("forward");
  for (const std::string& ports : choice.forwarded) {
    if (!is_forwarding(ports)) {
      throw tools::UsageError(fmt::format(
          "--forward {}: expected ports such as 8080, 8080:80 or 127.0.0.1/8000-8010", ports));
    }
  }
  return choice;
}

}  // namespace faasnap::cli
