// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <httplib.h>

#include <array>
#include <chrono>
#include <string>

namespace platform::http {

// A client's connection as cpp-httplib reads and writes it. Owns the socket.
class SocketStream final : public httplib::Stream {
 public:
  // `patience` is for each read and write.
  SocketStream(int socket, std::chrono::seconds patience) : socket_(socket), patience_(patience) {}
  ~SocketStream() override;
  SocketStream(const SocketStream&) = delete;
  SocketStream& operator=(const SocketStream&) = delete;

  // Waits until the client has sent something or has closed. Returns false if `patience` passes
  // first, or the descriptor `ending` becomes readable.
  bool wait(std::chrono::seconds patience, int ending) const;

  bool is_readable() const override;
  bool is_writable() const override;
  ssize_t read(char* bytes, std::size_t size) override;
  ssize_t write(const char* bytes, std::size_t size) override;
  void get_remote_ip_and_port(std::string& ip, int& port) const override;
  void get_local_ip_and_port(std::string& ip, int& port) const override;
  socket_t socket() const override { return socket_; }

 private:
  const int socket_;
  const std::chrono::seconds patience_;
  // The library reads byte by byte.
  std::array<char, 16 << 10> buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace platform::http
