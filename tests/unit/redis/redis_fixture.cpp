// SPDX-License-Identifier: Apache-2.0

#include "redis/redis_fixture.h"

#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <stdexcept>
#include <thread>

namespace faasnap::test {
namespace {

// Debian's package redis-tools has the server under the name of a tool; what it does follows from
// the name that it is called by.
std::string find_server() {
  for (const char* path : {"/usr/bin/redis-server", "/usr/bin/redis-check-rdb"}) {
    if (::access(path, X_OK) == 0) {
      return path;
    }
  }
  return {};
}

}  // namespace

RedisServer::RedisServer(std::vector<std::string> options) : options_(std::move(options)) {
  start();
}

RedisServer::~RedisServer() { stop(); }

RedisOptions RedisServer::options() const {
  RedisOptions options;
  options.address = socket();
  return options;
}

void RedisServer::start() {
  const std::string program = find_server();
  if (program.empty()) {
    SKIP("there is no redis-server");
  }
  std::vector<std::string> words{"redis-server",  "--port", "0", "--unixsocket", socket(), "--dir",
                                 scratch_.path(), "--save", "",  "--logfile",    "log"};
  words.insert(words.end(), options_.begin(), options_.end());
  std::vector<char*> arguments;
  for (std::string& word : words) {
    arguments.push_back(word.data());
  }
  arguments.push_back(nullptr);
  if (::posix_spawn(&process_, program.c_str(), nullptr, nullptr, arguments.data(), environ) != 0) {
    throw std::runtime_error("the Redis server cannot be run");
  }
  for (int i = 0; !accepts_connections(); ++i) {
    if (i == 2000 || ::waitpid(process_, nullptr, WNOHANG) != 0) {
      throw std::runtime_error("the Redis server does not come up");
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

void RedisServer::stop() {
  if (process_ > 0) {
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
    process_ = -1;
    std::filesystem::remove(socket());
  }
}

void RedisServer::freeze() const { ::kill(process_, SIGSTOP); }

void RedisServer::thaw() const { ::kill(process_, SIGCONT); }

bool RedisServer::accepts_connections() const {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  socket().native().copy(address.sun_path, sizeof(address.sun_path) - 1);
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const bool accepted =
      ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  ::close(fd);
  return accepted;
}

}  // namespace faasnap::test
