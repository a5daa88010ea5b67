// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "http/client_stream.h"

namespace platform::http {

// A client's connection as it is.
class SocketStream final : public ClientStream {
 public:
  SocketStream(int socket, std::chrono::seconds patience) : ClientStream(socket, patience) {}

  bool is_readable() const override;
  bool is_writable() const override;
  ssize_t write(const char* bytes, std::size_t size) override;

 private:
  ssize_t receive(char* bytes, std::size_t size) override;
};

}  // namespace platform::http
