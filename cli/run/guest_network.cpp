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

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <string_view>

#include "tools/failure.h"

namespace faasnap::cli {
namespace {

constexpr std::string_view kTapPrefix = "tap:";
// The number of the connection's descriptor in passt.
constexpr int kPasstSocket = 3;

}  // namespace

GuestNetwork::Process::~Process() {
  if (process_ != 0) {
    ::kill(process_, SIGTERM);
    while (::waitpid(process_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
}

GuestNetwork::GuestNetwork(const std::string& name) {
  if (name.starts_with(kTapPrefix) && name.size() > kTapPrefix.size()) {
    open_tap(name.substr(kTapPrefix.size()));
  } else if (name == "passt") {
    start_passt();
  } else if (name != "none") {
    throw tools::UsageError(fmt::format("--network {}: expected tap:NAME, passt or none", name));
  }
}

void GuestNetwork::open_tap(const std::string& interface) {
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
  options_ = {.kind = NetworkKind::tap, .descriptor = end_.get(), .mac = {}, .mtu = 0};
}

void GuestNetwork::start_passt() {
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
  const std::string number = std::to_string(kPasstSocket);
  const std::array<const char*, 6> arguments{"passt", "--foreground", "--quiet",
                                             "--fd",  number.c_str(), nullptr};
  pid_t process = 0;
  const int error = ::posix_spawnp(&process, arguments[0], &actions, nullptr,
                                   const_cast<char* const*>(arguments.data()), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (error != 0) {
    throw tools::Failure(fmt::format("--network passt: the program passt cannot be started: {}{}",
                                     std::strerror(error),
                                     error == ENOENT ? "; install the package passt" : ""));
  }
  passt_ = Process(process);
  options_ = {.kind = NetworkKind::stream, .descriptor = end_.get(), .mac = {}, .mtu = 0};
}

void add_network_option(tools::CommandLine& line) {
  line.option("network", "NETWORK",
              "the guest's network: tap:NAME, an interface that exists; passt, one in user space; "
              "or none\n(default: none)");
}

std::string network_name(const tools::CommandLine& line) {
  return line.optional_text("network").value_or("none");
}

}  // namespace faasnap::cli
