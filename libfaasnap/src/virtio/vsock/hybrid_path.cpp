// SPDX-License-Identifier: Apache-2.0

#include "virtio/vsock/hybrid_path.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#include "base/error.h"

namespace faasnap::virtio {
namespace {

constexpr int kBacklog = 128;

// Returns nothing if the path is too long for a socket.
std::optional<sockaddr_un> address_of(const std::filesystem::path& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string& text = path.native();
  if (text.size() >= sizeof(address.sun_path)) {
    return std::nullopt;
  }
  std::memcpy(address.sun_path, text.data(), text.size());
  return address;
}

base::UniqueFd make_socket() {
  base::UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) {
    base::fail_errno("create Unix socket");
  }
  return fd;
}

base::UniqueFd listen_at(const std::filesystem::path& path) {
  const auto address = address_of(path);
  if (!address) {
    base::fail(ErrorKind::invalid_argument, "open vsock socket", path,
               fmt::format("path has {} bytes, expected at most {}", path.native().size(),
                           sizeof(sockaddr_un::sun_path) - 1));
  }
  base::UniqueFd fd = make_socket();
  // The file gets the mode of the socket, less the umask.
  if (::fchmod(fd.get(), S_IRUSR | S_IWUSR) != 0) {
    base::fail_errno("set mode of vsock socket", path);
  }
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof(*address)) != 0) {
    base::fail_errno("open vsock socket", path, errno == EADDRINUSE ? EEXIST : errno);
  }
  if (::listen(fd.get(), kBacklog) != 0) {
    base::fail_errno("listen on vsock socket", path);
  }
  return fd;
}

}  // namespace

HybridPath::HybridPath(std::filesystem::path path)
    : path_(std::move(path)), listener_(listen_at(path_)) {}

HybridPath::~HybridPath() {
  std::error_code ignored;  // it may have been removed already
  std::filesystem::remove(path_, ignored);
}

base::UniqueFd HybridPath::connect(std::uint32_t port) const {
  const auto address = address_of(fmt::format("{}_{}", path_.native(), port));
  if (!address) {
    return {};
  }
  base::UniqueFd fd = make_socket();
  // Never waits: a Unix socket connects at once or, if the backlog is full, fails.
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof(*address)) != 0) {
    return {};
  }
  return fd;
}

}  // namespace faasnap::virtio
