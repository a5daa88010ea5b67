// SPDX-License-Identifier: Apache-2.0

#include "host_api.h"

#include <sys/utsname.h>
#include <time.h>

#include <utility>

#include "host_invocation.h"
#include "json.h"
#include "machine.h"
#include "network.h"
#include "text.h"

namespace faasnap::init {
namespace {

constexpr std::string_view kLambdaPrefix = "/2015-03-31/functions/";
constexpr std::string_view kLambdaSuffix = "/invocations";

long long clock_ns(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return now.tv_sec * 1'000'000'000LL + now.tv_nsec;
}

HttpReply status_reply(const char* status) {
  HttpReply reply;
  reply.body = format("{\"status\": \"%s\"}\n", status);
  return reply;
}

HttpReply refusal(int status, const std::string& reason) {
  HttpReply reply;
  reply.status = status;
  reply.body = "{\"error\": " + json_quote(reason) + "}\n";
  return reply;
}

// Returns NAME of /2015-03-31/functions/NAME/invocations; empty if it is another path.
std::string_view lambda_function(std::string_view path) {
  if (!path.starts_with(kLambdaPrefix) || !path.ends_with(kLambdaSuffix) ||
      path.size() <= kLambdaPrefix.size() + kLambdaSuffix.size()) {
    return {};
  }
  path.remove_prefix(kLambdaPrefix.size());
  path.remove_suffix(kLambdaSuffix.size());
  return path.find('/') == std::string_view::npos ? path : std::string_view();
}

}  // namespace

struct HostApi::Route {
  std::string_view path;
  std::string_view method;
  void (HostApi::*answer)(HttpConnection&, HttpRequest&);
};

const HostApi::Route HostApi::kRoutes[] = {
    {"/invoke", "POST", &HostApi::invoke},        {"/healthz", "GET", &HostApi::tell_health},
    {"/settle", "POST", &HostApi::settle},        {"/settled", "POST", &HostApi::settled},
    {"/poweroff", "POST", &HostApi::power_off},   {"/panic", "POST", &HostApi::panic},
    {"/network", "POST", &HostApi::take_network},
};

void HostApi::on_request(HttpConnection& connection, HttpRequest& request) {
  const std::string_view lambda = lambda_function(request.path);
  const Route* route = nullptr;
  for (const Route& known : kRoutes) {
    route = request.path == known.path ? &known : route;
  }
  const std::string_view method = lambda.empty() && route != nullptr ? route->method : "POST";
  if (lambda.empty() && route == nullptr) {
    connection.reply(refusal(404, format("no such path %.80s", request.path.c_str())));
    return;
  }
  if (request.method != method) {
    HttpReply reply =
        refusal(405, format("%.80s takes %s", request.path.c_str(), std::string(method).c_str()));
    reply.headers = format("Allow: %s\r\n", std::string(method).c_str());
    connection.reply(std::move(reply));
    return;
  }
  if (options_.owns_machine) {
    refresh_machine(request.header("faasnap-entropy"), request.header("faasnap-time-ns"));
  }
  if (lambda.empty()) {
    (this->*route->answer)(connection, request);
  } else {
    invoke_as_lambda(connection, request, lambda);
  }
}

HttpReply HostApi::refuse(const HttpRequest&, int status, const std::string& reason) {
  return refusal(status, reason);
}

void HostApi::invoke(HttpConnection& connection, HttpRequest& request) {
  const std::string name(request.parameter("function"));
  if (name.empty()) {
    connection.reply(refusal(400, "the query lacks function=NAME"));
  } else if (knows(connection, name)) {
    function_.invoke(make_host_invocation(function_, connection, request, name, options_.timeout_ms,
                                          ReplyForm::envelope));
  }
}

// The path of Lambda's own emulator names its one function "function".
void HostApi::invoke_as_lambda(HttpConnection& connection, HttpRequest& request,
                               std::string_view name) {
  const std::string function(name == "function" && !options_.name.empty() ? options_.name : name);
  if (knows(connection, function)) {
    function_.invoke(make_host_invocation(function_, connection, request, function,
                                          options_.timeout_ms, ReplyForm::lambda));
  }
}

void HostApi::tell_health(HttpConnection& connection, HttpRequest&) {
  utsname kernel{};
  ::uname(&kernel);
  HttpReply reply;
  reply.body = format(
      "{\"status\": \"ok\", \"time_ns\": %lld, \"random\": \"%s\", \"uptime_ns\": %lld, "
      "\"kernel\": %s}\n",
      clock_ns(CLOCK_REALTIME), hex(random_bytes(16)).c_str(), clock_ns(CLOCK_BOOTTIME),
      json_quote(kernel.release).c_str());
  connection.reply(std::move(reply));
}

void HostApi::settle(HttpConnection& connection, HttpRequest& request) {
  if (may_act(connection, request)) {
    report_all_free_memory();
    connection.reply(status_reply("settling"));
  }
}

void HostApi::settled(HttpConnection& connection, HttpRequest& request) {
  if (may_act(connection, request)) {
    report_large_free_blocks();
    connection.reply(status_reply("settled"));
  }
}

void HostApi::take_network(HttpConnection& connection, HttpRequest& request) {
  if (!may_act(connection, request)) {
    return;
  }
  std::string error;
  const auto config = parse_network_config(request.body, error);
  if (!config) {
    connection.reply(refusal(400, error));
    return;
  }
  const NetworkChange change = set_network(*config);
  if (!change.error.empty()) {
    connection.reply(refusal(500, change.error));
    return;
  }
  HttpReply reply;
  reply.body =
      format("{\"status\": \"ok\", \"reset_connections\": %s}\n",
             change.reset_connections ? std::to_string(*change.reset_connections).c_str() : "null");
  connection.reply(std::move(reply));
}

void HostApi::power_off(HttpConnection& connection, HttpRequest& request) {
  if (may_act(connection, request)) {
    connection.reply(status_reply("powering off"));
    connection.finish();
    power_off_machine();
  }
}

void HostApi::panic(HttpConnection& connection, HttpRequest&) {
  if (!options_.owns_machine || !options_.test) {
    connection.reply(refusal(404, "/panic needs faasnap.test=1 on the kernel command line"));
    return;
  }
  connection.reply(status_reply("panicking"));
  connection.finish();
  crash_machine();
}

bool HostApi::knows(HttpConnection& connection, std::string_view name) {
  if (options_.name.empty() || name == options_.name) {
    return true;
  }
  connection.reply(refusal(404, format("unknown function '%.80s'; this guest has %s",
                                       std::string(name).c_str(), options_.name.c_str())));
  return false;
}

bool HostApi::may_act(HttpConnection& connection, const HttpRequest& request) {
  if (!options_.owns_machine) {
    connection.reply(refusal(404, format("%s is for agents inside a VM", request.path.c_str())));
  }
  return options_.owns_machine;
}

}  // namespace faasnap::init
