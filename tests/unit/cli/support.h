// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <arpa/inet.h>
#include <fmt/format.h>
#include <httplib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace faasnap::test {

// An HTTP server on loopback that answers every POST with one status and keeps the requests.
class FakeCollector {
 public:
  struct Request {
    std::string path;
    std::string type;
    std::string body;
  };

  explicit FakeCollector(int status = 202) {
    server_.Post(".*", [this, status](const httplib::Request& request, httplib::Response& answer) {
      const std::lock_guard lock(mutex_);
      requests_.push_back({request.path, request.get_header_value("Content-Type"), request.body});
      answer.status = status;
    });
    port_ = server_.bind_to_any_port("127.0.0.1");
    thread_ = std::thread([this] { server_.listen_after_bind(); });
    while (!server_.is_running()) {
      std::this_thread::yield();
    }
  }
  ~FakeCollector() {
    server_.stop();
    thread_.join();
  }
  FakeCollector(const FakeCollector&) = delete;
  FakeCollector& operator=(const FakeCollector&) = delete;

  std::string url(const std::string& path) const {
    return fmt::format("http://127.0.0.1:{}{}", port_, path);
  }
  std::vector<Request> requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
  }

 private:
  httplib::Server server_;
  int port_ = 0;
  mutable std::mutex mutex_;
  std::vector<Request> requests_;
  std::thread thread_;
};

// A loopback port on which nobody listens as long as it lives.
class DeadPort {
 public:
  DeadPort() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    auto* general = reinterpret_cast<sockaddr*>(&address);
    if (::bind(socket_, general, size) != 0 || ::getsockname(socket_, general, &size) != 0) {
      throw std::runtime_error("cannot bind a port");
    }
    port_ = ntohs(address.sin_port);
  }
  ~DeadPort() { ::close(socket_); }
  DeadPort(const DeadPort&) = delete;
  DeadPort& operator=(const DeadPort&) = delete;

  std::string url() const { return fmt::format("http://127.0.0.1:{}/api/v2/spans", port_); }

 private:
  int socket_;
  int port_ = 0;
};

}  // namespace faasnap::test
