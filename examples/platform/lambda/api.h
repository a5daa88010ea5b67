// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "auth/gate.h"
#include "base/config.h"
#include "functions/events.h"
#include "functions/invoker.h"
#include "functions/registry.h"
#include "http/server.h"

namespace platform::lambda {

// AWS Lambda's interface (REST-JSON), as far as the guide lists it: the clients of AWS work with
// it, given --endpoint-url. `gate` says whose requests are served. Every member function is safe
// from any thread.
class Api {
 public:
  Api(const Config& config, const auth::Gate& gate, Registry& registry, Invoker& invoker,
      Events& events)
      : config_(config), gate_(gate), registry_(registry), invoker_(invoker), events_(events) {}

  // Adds the routes. This object must outlive the server.
  void serve(http::Server& server);

 private:
  using Request = httplib::Request;
  using Response = httplib::Response;
  using Operation = void (Api::*)(const Request&, Response&);

  httplib::Server::Handler handler(Operation operation);

  void create(const Request& request, Response& response);
  void list(const Request& request, Response& response);
  void get(const Request& request, Response& response);
  void get_configuration(const Request& request, Response& response);
  void update_configuration(const Request& request, Response& response);
  void update_code(const Request& request, Response& response);
  void remove(const Request& request, Response& response);
  void publish(const Request& request, Response& response);
  void list_versions(const Request& request, Response& response);
  void create_alias(const Request& request, Response& response);
  void list_aliases(const Request& request, Response& response);
  void get_alias(const Request& request, Response& response);
  void update_alias(const Request& request, Response& response);
  void remove_alias(const Request& request, Response& response);
  void put_concurrency(const Request& request, Response& response);
  void get_concurrency(const Request& request, Response& response);
  void delete_concurrency(const Request& request, Response& response);
  void invoke(const Request& request, Response& response);
  void invoke_with_stream(const Request& request, Response& response);
  std::optional<Invocation> read_invocation(const Request& request, Response& response,
                                            std::span<const std::string_view> types);
  void invoke_now(const Invocation& invocation, Response& response);
  void accept(const Invocation& invocation, Response& response);

  // The version that path and query name.
  Function named(const Request& request) const;

  const Config& config_;
  const auth::Gate& gate_;
  Registry& registry_;
  Invoker& invoker_;
  Events& events_;
};

}  // namespace platform::lambda
