// SPDX-License-Identifier: Apache-2.0

// A function that is one static program: answers each event with the event. It speaks the AWS
// Lambda Runtime API over sockets, with the least of HTTP that this takes.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>

namespace {

[[noreturn]] void give_up(const char* what) {
  std::perror(what);
  std::exit(1);
}

int connect_to(const std::string& address) {
  const auto colon = address.find(':');
  sockaddr_in target{};
  target.sin_family = AF_INET;
  target.sin_port = htons(static_cast<std::uint16_t>(std::atoi(address.c_str() + colon + 1)));
  ::inet_pton(AF_INET, address.substr(0, colon).c_str(), &target.sin_addr);
  const int connection = ::socket(AF_INET, SOCK_STREAM, 0);
  if (::connect(connection, reinterpret_cast<const sockaddr*>(&target), sizeof target) != 0) {
    give_up("connect");
  }
  return connection;
}

// Returns the value of a header line that the agent writes as `name`.
std::string header(const std::string& head, const char* name) {
  const auto at = head.find(name);
  const auto begin = at + std::strlen(name) + 2;
  return at == std::string::npos ? "" : head.substr(begin, head.find('\r', begin) - begin);
}

// Sends a request and returns head and body of the answer.
std::pair<std::string, std::string> ask(int connection, const std::string& request) {
  for (std::size_t sent = 0; sent < request.size();) {
    const ssize_t put = ::write(connection, request.data() + sent, request.size() - sent);
    if (put <= 0) {
      give_up("write");
    }
    sent += static_cast<std::size_t>(put);
  }
  std::string answer;
  for (;;) {
    const auto end = answer.find("\r\n\r\n");
    if (end != std::string::npos) {
      const std::string head = answer.substr(0, end + 2);
      const auto length = std::stoul(header(head, "Content-Length"));
      if (answer.size() >= end + 4 + length) {
        return {head, answer.substr(end + 4)};
      }
    }
    char piece[4096];
    const ssize_t got = ::read(connection, piece, sizeof piece);
    if (got <= 0) {
      give_up("read");
    }
    answer.append(piece, static_cast<std::size_t>(got));
  }
}

}  // namespace

int main() {
  const int connection = connect_to(std::getenv("AWS_LAMBDA_RUNTIME_API"));
  const std::string prefix = "/2018-06-01/runtime/invocation/";
  for (;;) {
    const auto [head, event] =
        ask(connection, "GET " + prefix + "next HTTP/1.1\r\nHost: agent\r\n\r\n");
    ask(connection, "POST " + prefix + header(head, "Lambda-Runtime-Aws-Request-Id") +
                        "/response HTTP/1.1\r\nHost: agent\r\nContent-Length: " +
                        std::to_string(event.size()) + "\r\n\r\n" + event);
  }
}
