// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <httplib.h>

#include <array>
#include <chrono>
#include <string>

namespace platform::http {

// A client's connection as cpp-httplib reads it, whatever is spoken over its socket, which it owns.
// Each may be used by one thread at a time.
class ClientStream : public httplib::Stream {
 public:
  ~ClientStream() override;
  ClientStream(const ClientStream&) = delete;
  ClientStream& operator=(const ClientStream&) = delete;

  // Waits until the client has sent something or has closed. Returns false if `patience` passes
  // first, or the descriptor `ending` becomes readable.
  bool wait(std::chrono::seconds patience, int ending) const;

  ssize_t read(char* bytes, std::size_t size) final;
  void get_remote_ip_and_port(std::string& ip, int& port) const final;
  void get_local_ip_and_port(std::string& ip, int& port) const final;
  socket_t socket() const final { return socket_; }

 protected:
  // `patience` is for each read and write.
  ClientStream(int socket, std::chrono::seconds patience) : socket_(socket), patience_(patience) {}

  std::chrono::seconds patience() const { return patience_; }
  // Whether something can be read without the socket.
  virtual bool holds_data() const { return begin_ != end_; }
  // Waits until the socket is ready for `events` of poll(2), or closed. Returns false if `patience`
  // passes first, or the descriptor `ending`, unless it is -1, becomes readable.
  bool wait_for(short events, std::chrono::milliseconds patience, int ending = -1) const;

 private:
  // Waits for the client's next bytes. Returns how many, 0 at the end, or less if that fails.
  virtual ssize_t receive(char* bytes, std::size_t size) = 0;

  const int socket_;
  const std::chrono::seconds patience_;
  // The library reads byte by byte.
  std::array<char, 16 << 10> buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace platform::http
