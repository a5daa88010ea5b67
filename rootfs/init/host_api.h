// SPDX-License-Identifier: Apache-2.0

#ifndef FAASNAP_INIT_HOST_API_H_
#define FAASNAP_INIT_HOST_API_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "function.h"
#include "http_server.h"

namespace faasnap::init {

// What the host asks for: invocations, and services of the machine. docs/guide/guest-agent.md
// describes the protocol.
class HostApi : public HttpHandler {
 public:
  struct Options {
    // Name of the function; empty if the process tells several apart.
    std::string name;
    // Longest time of an invocation; 0 for no limit.
    std::uint64_t timeout_ms = 0;
    // True if this program is the first of a virtual machine, and may act on it.
    bool owns_machine = false;
    // True if the host may crash the machine.
    bool test = false;
  };

  HostApi(Function& function, Options options)
      : function_(function), options_(std::move(options)) {}

  void on_request(HttpConnection& connection, HttpRequest& request) override;
  HttpReply refuse(const HttpRequest& request, int status, const std::string& reason) override;

 private:
  struct Route;
  static const Route kRoutes[];

  void invoke(HttpConnection& connection, HttpRequest& request);
  void invoke_as_lambda(HttpConnection& connection, HttpRequest& request, std::string_view name);
  void tell_health(HttpConnection& connection, HttpRequest& request);
  void settle(HttpConnection& connection, HttpRequest& request);
  void take_network(HttpConnection& connection, HttpRequest& request);
  void settled(HttpConnection& connection, HttpRequest& request);
  void power_off(HttpConnection& connection, HttpRequest& request);
  void panic(HttpConnection& connection, HttpRequest& request);

  // Returns true if `name` is the function of this guest; else answers.
  bool knows(HttpConnection& connection, std::string_view name);
  // Returns true if this program is a machine's first; else answers.
  bool may_act(HttpConnection& connection, const HttpRequest& request);

  Function& function_;
  const Options options_;
};

}  // namespace faasnap::init

#endif  // FAASNAP_INIT_HOST_API_H_
