// SPDX-License-Identifier: Apache-2.0

#include "artifact/api.h"

#include <fmt/format.h>

#include <optional>
#include <set>
#include <string_view>

#include "artifact/body.h"
#include "artifact/reply.h"
#include "base/error.h"

namespace platform::artifact {
namespace {

constexpr std::string_view kTracePath = "/api/v2/trace/";
// Any path: this interface finds its routes itself, to tell 405 from 404.
constexpr const char* kEveryPath = R"([^\n]*)";
// A guest takes parameters of 16 MiB at most (docs/guide/guest-agent.md).
constexpr std::size_t kMostBody = 17 << 20;

// Returns what of `path` is in the place of "*" in `pattern`; an empty text if the pattern has
// none; nothing if they do not match.
std::optional<std::string> match(std::string_view pattern, std::string_view path) {
  const auto star = pattern.find('*');
  if (star == std::string_view::npos) {
    return pattern == path ? std::optional<std::string>("") : std::nullopt;
  }
  const auto tail = pattern.substr(star + 1);
  if (path.size() <= star + tail.size() || !path.starts_with(pattern.substr(0, star)) ||
      !path.ends_with(tail)) {
    return std::nullopt;
  }
  const auto id = path.substr(star, path.size() - star - tail.size());
  return id.find('/') == std::string_view::npos ? std::optional<std::string>(id) : std::nullopt;
}

}  // namespace

struct Api::Route {
  std::string_view method;
  std::string_view path;
  void (Api::*run)(const Call&);
};

const Api::Route Api::kRoutes[] = {
    {"PUT", "/net-ifaces/*", &Api::put_network},
    {"POST", "/functions", &Api::add_function},
    {"GET", "/functions", &Api::list_functions},
    {"POST", "/vms", &Api::start_vm},
    {"GET", "/vms", &Api::list_vms},
    {"GET", "/vms/*", &Api::describe_vm},
    {"DELETE", "/vms/*", &Api::end_vm},
    {"POST", "/vmms", &Api::reserve_vm},
    {"POST", "/snapshots", &Api::make_snapshot},
    {"PUT", "/snapshots", &Api::copy_snapshot},
    {"PATCH", "/snapshots/*", &Api::change_snapshot},
    {"GET", "/snapshots/*/mincore", &Api::describe_recording},
    {"PUT", "/snapshots/*/mincore", &Api::carry_recording_over},
    {"POST", "/snapshots/*/mincore", &Api::add_common_layer},
    {"PATCH", "/snapshots/*/mincore", &Api::change_recording},
    {"PATCH", "/snapshots/*/reap", &Api::change_reap},
    {"GET", "/snapshots/*/reap", &Api::refuse_reap},
    {"DELETE", "/snapshots/*/reap", &Api::refuse_reap},
    {"POST", "/invocations", &Api::invoke},
    {"GET", "/ui/data", &Api::show_state},
    {"GET", "/metrics", &Api::refuse_metrics},
};

Api::Api(const Config& config, const Images& images, MachineMaker& maker, Invoker& invoker)
    : functions_(images),
      vms_(config, maker, invoker),
      snapshots_(
          config.artifact.directory.empty() ? config.state / "artifact" : config.artifact.directory,
          maker),
      invocations_(maker, functions_, networks_, snapshots_, vms_) {}

void Api::serve(http::Server& server) {
  const auto every = [this](const Request& request, Response& response) {
    answer(request, response);
  };
  server.Get(kEveryPath, every);
  server.Post(kEveryPath, every);
  server.Put(kEveryPath, every);
  server.Patch(kEveryPath, every);
  server.Delete(kEveryPath, every);
  server.Options(kEveryPath, every);
  server.set_payload_max_length(kMostBody);
  server.set_error_handler(httplib::Server::Handler(dress_error));
}

void Api::answer(const Request& request, Response& response) {
  try {
    if (request.method == "GET" && request.path.starts_with(kTracePath)) {
      reply_trace(request.path.substr(kTracePath.size()), response);
    } else {
      find_and_run(request, response);
    }
  } catch (const std::exception& error) {
    reply_error(response, error);
  }
}

void Api::find_and_run(const Request& request, Response& response) {
  const Route* found = nullptr;
  std::string id;
  std::set<std::string_view> allowed;
  for (const Route& route : kRoutes) {
    if (const auto part = match(route.path, request.path)) {
      allowed.insert(route.method);
      if (route.method == request.method) {
        found = &route;
        id = *part;
      }
    }
  }
  if (allowed.empty()) {
    throw Unfit(404, 404, fmt::format("path {:.200} was not found", request.path));
  }
  if (found == nullptr) {
    response.set_header("Allow", fmt::format("{}", fmt::join(allowed, ",")));
    throw Unfit(405, 405,
                fmt::format("method {:.32} is not allowed, but [{}] are", request.method,
                            fmt::join(allowed, ",")));
  }
  const auto trace = traces_.begin();
  response.set_header("X-B3-TraceId", trace->id());
  try {
    check_content_type(request);
    (this->*found->run)({request, response, id, *trace});
  } catch (const std::exception& error) {
    reply_error(response, error);
  }
  trace->end(request, response);
}

void Api::reply_trace(const std::string& id, Response& response) const {
  const auto trace = traces_.find(id);
  if (trace == nullptr) {
    throw Unfit(404, 404,
                fmt::format("trace {:.64}: unknown, or not one of the last {}", id, Traces::kMost));
  }
  response.status = 200;
  response.set_content(trace->zipkin(), "application/json");
}

void Api::put_network(const Call& call) {
  networks_.put(call.id, Body(call.request));
  reply_empty(call.response);
}

void Api::add_function(const Call& call) {
  functions_.add(Body(call.request));
  reply_empty(call.response);
}

void Api::list_functions(const Call& call) {
  Json list = Json::array();
  for (const GuestFunction& function : functions_.list()) {
    list.push_back(to_json(function));
  }
  reply(call.response, list);
}

void Api::start_vm(const Call& call) {
  const Body body(call.request);
  if (!body.text("ssId").empty()) {
    throw RequestError(Refusal::invalid, "ssId: expected none; POST /invocations starts snapshots");
  }
  const GuestFunction function = functions_.find(body.text("func_name"));
  const std::string network = body.text("namespace");
  networks_.check(network);
  const auto vm = vms_.boot(function, network, call.trace);
  vm->slot.rest();
  reply(call.response, {{"vmId", vm->id}});
}

void Api::list_vms(const Call& call) {
  Json list = Json::array();
  for (const auto& vm : vms_.list()) {
    list.push_back(to_json(*vm));
  }
  reply(call.response, list);
}

void Api::describe_vm(const Call& call) { reply(call.response, to_json(*vms_.find(call.id))); }

void Api::end_vm(const Call& call) {
  invocations_.end_vm(call.id);
  reply_empty(call.response);
}

void Api::reserve_vm(const Call& call) {
  const Body body(call.request);
  body.flag("enableReap");
  networks_.check(body.text("namespace"));
  const RequestTrace::Child starting(call.trace, "start_vmm");
  reply(call.response, {{"vmId", vms_.reserve()}});
}

void Api::make_snapshot(const Call& call) {
  reply(call.response, snapshots_.make(Body(call.request), vms_, call.trace));
}

void Api::copy_snapshot(const Call& call) {
  reply(call.response, snapshots_.copy(call.request.get_param_value("from_snapshot"),
                                       call.request.get_param_value("mem_file_path")));
}

void Api::change_snapshot(const Call& call) {
  snapshots_.change(call.id, Body(call.request));
  reply_empty(call.response);
}

void Api::describe_recording(const Call& call) {
  reply(call.response, snapshots_.recording(call.id));
}

void Api::carry_recording_over(const Call& call) {
  snapshots_.carry_over(call.id, call.request.get_param_value("source"));
  reply_empty(call.response);
}

void Api::add_common_layer(const Call&) {
  throw NotImplemented("layers of the pages that two snapshots share are not implemented");
}

void Api::change_recording(const Call& call) {
  snapshots_.change_recording(call.id, Body(call.request, Body::Schema::required), call.trace);
  reply_empty(call.response);
}

void Api::change_reap(const Call& call) {
  if (bare_flag(call.request)) {
    throw RequestError(Refusal::invalid, "the request's body: true is not implemented");
  }
  snapshots_.drop_reap_set(call.id);
  reply_empty(call.response);
}

void Api::refuse_reap(const Call&) {
  throw NotImplemented("is not implemented, as in the artifact");
}

void Api::invoke(const Call& call) {
  reply(call.response, invocations_.invoke(Body(call.request), call.trace));
}

void Api::show_state(const Call& call) {
  Json functions = Json::object();
  for (const GuestFunction& function : functions_.list()) {
    functions[function.function.name] = {{"name", function.function.name},
                                         {"kernel", function.kernel},
                                         {"image", function.function.image_uri},
                                         {"vcpu", function.vcpus},
                                         {"memSize", function.function.memory_mib}};
  }
  Json machines = Json::object();
  for (const auto& vm : vms_.list()) {
    machines[vm->id] = {{"vmId", vm->id},
                        {"function", vm->function.function.name},
                        {"state", faasnap::to_string(vm->vm.state())},
                        {"net", vm->network},
                        {"Snapshot", vm->snapshot}};
  }
  reply(call.response,
        {{"functionManager", {{"functions", functions}}},
         {"vmController", {{"machines", machines}, {"netInterfaces", networks_.list()}}},
         {"snapshotManager", {{"snapshots", snapshots_.overview()}}},
         {"config", nullptr}});
}

void Api::refuse_metrics(const Call&) {
  throw NotImplemented("the other listener of the platform serves its metrics");
}

}  // namespace platform::artifact
