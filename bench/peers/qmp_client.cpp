// SPDX-License-Identifier: Apache-2.0

#include "peers/qmp_client.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <stdexcept>
#include <system_error>

namespace faasnap::bench {
namespace {

using nlohmann::json;

constexpr int kPatienceMs = 120'000;

[[noreturn]] void fail(const char* operation) {
  throw std::system_error(errno, std::generic_category(), operation);
}

void wait_readable(const tools::Descriptor& fd) {
  pollfd wanted{.fd = fd.get(), .events = POLLIN, .revents = 0};
  const int ready = ::poll(&wanted, 1, kPatienceMs);
  if (ready < 0) {
    fail("poll for QEMU");
  }
  if (ready == 0) {
    throw std::runtime_error("QEMU did not answer for two minutes");
  }
}

}  // namespace

QmpClient::QmpClient(const std::filesystem::path& path)
    : path_(path), listener_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string& text = path_.native();
  if (text.size() >= sizeof(address.sun_path)) {
    throw std::runtime_error(text + ": too long for a socket's path");
  }
  text.copy(address.sun_path, text.size());
  if (::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
      ::listen(listener_.get(), 1) != 0) {
    fail("listen for QEMU");
  }
}

QmpClient::~QmpClient() {
  std::error_code ignored;
  std::filesystem::remove(path_, ignored);
}

void QmpClient::accept() {
  wait_readable(listener_);
  connection_ = tools::Descriptor(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (connection_.get() < 0) {
    fail("accept QEMU's connection");
  }
  read_message();  // the greeting
  execute("qmp_capabilities");
}

json QmpClient::execute(const std::string& command, json arguments) {
  json request{{"execute", command}};
  if (!arguments.is_null()) {
    request["arguments"] = std::move(arguments);
  }
  const std::string line = request.dump() + "\n";
  if (::send(connection_.get(), line.data(), line.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(line.size())) {
    fail("send to QEMU");
  }
  for (;;) {
    json message = read_message();
    if (message.contains("return")) {
      return message.at("return");
    }
    if (message.contains("error")) {
      throw std::runtime_error("QEMU refuses " + command + ": " + message.at("error").dump());
    }
    events_.push_back(std::move(message));
  }
}

std::chrono::microseconds QmpClient::wait_event(const std::string& name) {
  for (std::size_t seen = 0;; ++seen) {
    if (seen == events_.size()) {
      events_.push_back(read_message());
    }
    const json& event = events_[seen];
    if (event.value("event", "") == name) {
      const json& time = event.at("timestamp");
      return std::chrono::seconds(time.at("seconds").get<std::int64_t>()) +
             std::chrono::microseconds(time.at("microseconds").get<std::int64_t>());
    }
  }
}

json QmpClient::read_message() {
  for (;;) {
    if (const auto end = received_.find('\n'); end != std::string::npos) {
      json message = json::parse(received_.substr(0, end));
      received_.erase(0, end + 1);
      return message;
    }
    wait_readable(connection_);
    std::array<char, 4096> buffer;
    const ssize_t got = ::read(connection_.get(), buffer.data(), buffer.size());
    if (got <= 0) {
      throw std::runtime_error("QEMU ended its control connection");
    }
    received_.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

}  // namespace faasnap::bench
