// SPDX-License-Identifier: Apache-2.0

#pragma once

// Debian's library is built with what these ask for (its pkg-config file).
#include <httplib.h>

#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "http/tls.h"

namespace platform::http {

// cpp-httplib's server as the platform needs it: it takes a socket that is there, has a thread for
// each connection, and ends although clients keep their connections open.
class Server : public httplib::Server {
 public:
  // Throws std::system_error if there is no descriptor left.
  Server();
  // Speaks TLS from the next connection on. May be called at any time, by any thread.
  void use(std::shared_ptr<const TlsIdentity> identity);
  ~Server() override;

  // Listens on the socket in place of one of its own; takes it over.
  void adopt(int socket);
  // Listens at host and port, of which 0 chooses a free one, and returns the port. Throws
  // std::runtime_error.
  int bind(const std::string& host, int port);
  // Serves on the returned thread, which ends after end().
  std::thread start();
  // Takes no more connections, and ends those that wait for a request; those of a request end with
  // it.
  void end();

 private:
  bool process_and_close_socket(socket_t socket) override;

  void answer(ClientStream& connection);

  // Readable from end() on.
  const int ending_;
  std::mutex identity_mutex_;
  std::shared_ptr<const TlsIdentity> identity_;  // null without TLS
};

}  // namespace platform::http
