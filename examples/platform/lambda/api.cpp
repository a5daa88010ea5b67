// SPDX-License-Identifier: Apache-2.0

#include "lambda/api.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/error.h"
#include "base/random_id.h"
#include "lambda/access.h"
#include "lambda/answer_stream.h"
#include "lambda/configuration.h"
#include "lambda/function_ref.h"
#include "lambda/reply.h"

namespace platform::lambda {
namespace {

// Lambda's own limits.
constexpr std::size_t kMostPayload = 6 << 20;
constexpr std::size_t kMostEvent = 1 << 20;
constexpr std::size_t kItemsOfPage = 50;

constexpr const char* kFunctions = R"(/2015-03-31/functions/?)";
constexpr const char* kFunction = R"(/2015-03-31/functions/([^/]+))";
constexpr const char* kConfiguration = R"(/2015-03-31/functions/([^/]+)/configuration)";
constexpr const char* kCode = R"(/2015-03-31/functions/([^/]+)/code)";
constexpr const char* kVersions = R"(/2015-03-31/functions/([^/]+)/versions)";
constexpr const char* kAliases = R"(/2015-03-31/functions/([^/]+)/aliases)";
constexpr const char* kAlias = R"(/2015-03-31/functions/([^/]+)/aliases/([^/]+))";
constexpr const char* kInvocations = R"(/2015-03-31/functions/([^/]+)/invocations)";
constexpr const char* kStreamingInvocations =
    R"(/2021-11-15/functions/([^/]+)/response-streaming-invocations)";
constexpr const char* kConcurrency = R"(/2017-10-31/functions/([^/]+)/concurrency)";
constexpr const char* kReadConcurrency = R"(/2019-09-30/functions/([^/]+)/concurrency)";

constexpr const char* kTypeHeader = "X-Amz-Invocation-Type";
constexpr std::string_view kInvocationTypes[] = {"RequestResponse", "Event", "DryRun"};
constexpr std::string_view kStreamingTypes[] = {"RequestResponse", "DryRun"};

FunctionRef ref_of(const httplib::Request& request) {
  return parse_function_ref(request.matches[1], request.get_param_value("Qualifier"));
}

// The number in a query, or `otherwise`.
std::size_t number_of(const httplib::Request& request, const char* name, std::size_t otherwise) {
  const std::string text = request.get_param_value(name);
  if (text.empty()) {
    return otherwise;
  }
  if (text.size() > 9 || text.find_first_not_of("0123456789") != std::string::npos) {
    throw RequestError(Refusal::invalid, fmt::format("{} '{:.32}': expected a number", name, text));
  }
  return std::stoul(text);
}

// The part of a list that a request asks for. A marker is the number of the first item.
struct Page {
  Page(const httplib::Request& request, std::size_t all_items)
      : all(all_items),
        first(std::min(number_of(request, "Marker", 0), all)),
        end(first + std::min(std::max<std::size_t>(number_of(request, "MaxItems", kItemsOfPage), 1),
                             all - first)) {}

  Json named(const char* name) const {
    return {{name, items}, {"NextMarker", end < all ? Json(std::to_string(end)) : Json()}};
  }

  std::size_t all;
  std::size_t first;
  std::size_t end;
  Json items = Json::array();
};

bool flag_in(const Json& body, const char* member) {
  const auto found = body.find(member);
  if (found != body.end() && !found->is_boolean() && !found->is_null()) {
    throw RequestError(Refusal::invalid, fmt::format("{}: expected true or false", member));
  }
  return found != body.end() && *found == true;
}

}  // namespace

void Api::serve(http::Server& server) {
  server.Post(kFunctions, handler(&Api::create));
  server.Get(kFunctions, handler(&Api::list));
  server.Get(kFunction, handler(&Api::get));
  server.Delete(kFunction, handler(&Api::remove));
  server.Get(kConfiguration, handler(&Api::get_configuration));
  server.Put(kConfiguration, handler(&Api::update_configuration));
  server.Put(kCode, handler(&Api::update_code));
  server.Post(kVersions, handler(&Api::publish));
  server.Get(kVersions, handler(&Api::list_versions));
  server.Post(kAliases, handler(&Api::create_alias));
  server.Get(kAliases, handler(&Api::list_aliases));
  server.Get(kAlias, handler(&Api::get_alias));
  server.Put(kAlias, handler(&Api::update_alias));
  server.Delete(kAlias, handler(&Api::remove_alias));
  server.Put(kConcurrency, handler(&Api::put_concurrency));
  server.Delete(kConcurrency, handler(&Api::delete_concurrency));
  server.Get(kReadConcurrency, handler(&Api::get_concurrency));
  server.Post(kInvocations, handler(&Api::invoke));
  server.Post(kStreamingInvocations, handler(&Api::invoke_with_stream));
}

httplib::Server::Handler Api::handler(Operation operation) {
  return [this, operation](const Request& request, Response& response) {
    response.set_header("x-amzn-RequestId", random_uuid());
    try {
      check_access(gate_, request);
      registry_.refresh();
      (this->*operation)(request, response);
    } catch (const auth::Denied& denied) {
      reply_error(response, 403, denied.type(), denied.what());
    } catch (const std::exception& error) {
      reply_error(response, error);
    }
  };
}

void Api::create(const Request& request, Response& response) {
  const Json body = parse_object(request.body);
  if (!body.contains("FunctionName") || !body["FunctionName"].is_string()) {
    throw RequestError(Refusal::invalid, "FunctionName: expected a text");
  }
  const FunctionRef ref = parse_function_ref(body["FunctionName"], "");
  const Json code = body.value("Code", Json::object());
  const Function function =
      registry_.create(ref.name, code_of(code), settings_of(body), flag_in(body, "Publish"));
  reply(response, 201, configuration(config_, function, ""));
}

void Api::list(const Request& request, Response& response) {
  const auto functions = registry_.list(request.get_param_value("FunctionVersion") == "ALL");
  Page page(request, functions.size());
  for (std::size_t i = page.first; i < page.end; ++i) {
    const std::string& version = functions[i].version;
    page.items.push_back(configuration(config_, functions[i], version == kLatest ? "" : version));
  }
  reply(response, 200, page.named("Functions"));
}

void Api::get(const Request& request, Response& response) {
  const Function function = named(request);
  Json code = {{"RepositoryType", "ECR"}, {"ImageUri", function.image_uri}};
  if (!function.archive.empty()) {
    code = {{"RepositoryType", "S3"}, {"Location", "file://" + function.archive.string()}};
  }
  Json body = {
      {"Configuration", configuration(config_, function, ref_of(request).qualifier.value_or(""))},
      {"Code", code},
      {"Tags", Json::object()}};
  if (function.concurrency) {
    body["Concurrency"] = {{"ReservedConcurrentExecutions", *function.concurrency}};
  }
  reply(response, 200, body);
}

void Api::get_configuration(const Request& request, Response& response) {
  reply(response, 200,
        configuration(config_, named(request), ref_of(request).qualifier.value_or("")));
}

void Api::update_configuration(const Request& request, Response& response) {
  const Function function =
      registry_.update_settings(ref_of(request).name, settings_of(parse_object(request.body)));
  reply(response, 200, configuration(config_, function, ""));
}

void Api::update_code(const Request& request, Response& response) {
  const std::string name = ref_of(request).name;
  const Json body = parse_object(request.body);
  const Function function = registry_.update_code(name, code_of(body), flag_in(body, "Publish"));
  reply(response, 200, configuration(config_, function, ""));
}

void Api::remove(const Request& request, Response& response) {
  const FunctionRef ref = ref_of(request);
  registry_.remove(ref.name, ref.qualifier);
  response.status = 204;
}

void Api::publish(const Request& request, Response& response) {
  const Json body = parse_object(request.body);
  std::optional<std::string> description;
  if (body.contains("Description") && body["Description"].is_string()) {
    description = body["Description"];
  }
  const Function function = registry_.publish(ref_of(request).name, description);
  reply(response, 201, configuration(config_, function, function.version));
}

void Api::list_versions(const Request& request, Response& response) {
  const auto versions = registry_.versions(ref_of(request).name);
  Page page(request, versions.size());
  for (std::size_t i = page.first; i < page.end; ++i) {
    page.items.push_back(configuration(config_, versions[i], versions[i].version));
  }
  reply(response, 200, page.named("Versions"));
}

void Api::create_alias(const Request& request, Response& response) {
  const std::string function = ref_of(request).name;
  const Json body = parse_object(request.body);
  if (!body.contains("Name") || !body["Name"].is_string()) {
    throw RequestError(Refusal::invalid, "Name: expected a text");
  }
  const AliasSettings settings = alias_settings_of(body);
  if (!settings.version) {
    throw RequestError(Refusal::invalid, "FunctionVersion: expected a version");
  }
  reply(response, 201,
        alias_configuration(config_, function,
                            registry_.create_alias(function, body["Name"], settings)));
}

void Api::list_aliases(const Request& request, Response& response) {
  const std::string function = ref_of(request).name;
  auto aliases = registry_.aliases(function);
  if (const std::string version = request.get_param_value("FunctionVersion"); !version.empty()) {
    std::erase_if(aliases, [&](const Alias& alias) { return alias.version != version; });
  }
  Page page(request, aliases.size());
  for (std::size_t i = page.first; i < page.end; ++i) {
    page.items.push_back(alias_configuration(config_, function, aliases[i]));
  }
  reply(response, 200, page.named("Aliases"));
}

void Api::get_alias(const Request& request, Response& response) {
  const std::string function = ref_of(request).name;
  reply(response, 200,
        alias_configuration(config_, function, registry_.alias(function, request.matches[2])));
}

void Api::update_alias(const Request& request, Response& response) {
  const std::string function = ref_of(request).name;
  const AliasSettings settings = alias_settings_of(parse_object(request.body));
  reply(response, 200,
        alias_configuration(config_, function,
                            registry_.update_alias(function, request.matches[2], settings)));
}

void Api::remove_alias(const Request& request, Response& response) {
  registry_.remove_alias(ref_of(request).name, request.matches[2]);
  response.status = 204;
}

void Api::put_concurrency(const Request& request, Response& response) {
  const Json body = parse_object(request.body);
  const auto found = body.find("ReservedConcurrentExecutions");
  if (found == body.end() || !found->is_number_unsigned() ||
      found->get<std::uint64_t>() > config_.limits.concurrency) {
    throw RequestError(Refusal::invalid,
                       fmt::format("ReservedConcurrentExecutions: expected 0 to {}, this host's "
                                   "limit",
                                   config_.limits.concurrency));
  }
  registry_.set_concurrency(ref_of(request).name, found->get<unsigned>());
  reply(response, 200, {{"ReservedConcurrentExecutions", *found}});
}

void Api::get_concurrency(const Request& request, Response& response) {
  const auto concurrency = registry_.find(ref_of(request).name, kLatest).concurrency;
  reply(response, 200,
        concurrency ? Json{{"ReservedConcurrentExecutions", *concurrency}} : Json::object());
}

void Api::delete_concurrency(const Request& request, Response& response) {
  registry_.set_concurrency(ref_of(request).name, std::nullopt);
  response.status = 204;
}

void Api::invoke(const Request& request, Response& response) {
  if (const auto invocation = read_invocation(request, response, kInvocationTypes)) {
    if (request.get_header_value(kTypeHeader) == "Event") {
      accept(*invocation, response);
    } else {
      invoke_now(*invocation, response);
    }
  }
}

void Api::invoke_with_stream(const Request& request, Response& response) {
  if (const auto invocation = read_invocation(request, response, kStreamingTypes)) {
    reply_stream(response, invocation->wants_log, [this, invocation](const AnswerSink& sink) {
      return invoker_.invoke(*invocation, &sink);
    });
  }
}

// Returns nothing if the response is made: the request was a dry run, or has no JSON.
std::optional<Invocation> Api::read_invocation(const Request& request, Response& response,
                                               std::span<const std::string_view> types) {
  const FunctionRef ref = ref_of(request);
  Invocation invocation{
      .function = registry_.find_to_invoke(ref.name, ref.qualifier.value_or(kLatest)),
      .payload = request.body,
      .wants_log = request.get_header_value("X-Amz-Log-Type") == "Tail",
      .client_context = request.get_header_value("X-Amz-Client-Context"),
      .request_id = response.get_header_value("x-amzn-RequestId")};
  refuse_unless_active(invocation.function);
  const std::string type = request.get_header_value(kTypeHeader);
  if (!type.empty() && std::ranges::find(types, type) == types.end()) {
    throw RequestError(Refusal::invalid, fmt::format("InvocationType '{:.64}': expected {}", type,
                                                     fmt::join(types, " or ")));
  }
  const std::size_t most = type == "Event" ? kMostEvent : kMostPayload;
  if (invocation.payload.size() > most) {
    throw RequestError(Refusal::too_large,
                       fmt::format("the payload has {} bytes, expected at most {}",
                                   invocation.payload.size(), most));
  }
  if (!invocation.payload.empty() && !Json::accept(invocation.payload)) {
    reply_error(response, 400, "InvalidRequestContentException",
                "Could not parse request body into json");
    return std::nullopt;
  }
  response.set_header("X-Amz-Executed-Version", invocation.function.version);
  if (type == "DryRun") {
    response.status = 204;
    return std::nullopt;
  }
  return invocation;
}

void Api::invoke_now(const Invocation& invocation, Response& response) {
  const Outcome outcome = invoker_.invoke(invocation);
  if (!outcome.error.empty()) {
    response.set_header("X-Amz-Function-Error", outcome.error);
  }
  if (invocation.wants_log) {
    response.set_header("X-Amz-Log-Result", outcome.log);
  }
  response.status = 200;
  response.set_content(outcome.payload, "application/json");
}

void Api::accept(const Invocation& invocation, Response& response) {
  events_.accept({.id = invocation.request_id,
                  .function = invocation.function.name,
                  .version = invocation.function.version,
                  .payload = invocation.payload,
                  .client_context = invocation.client_context});
  response.status = 202;
}

Function Api::named(const Request& request) const {
  const FunctionRef ref = ref_of(request);
  return registry_.find(ref.name, ref.qualifier.value_or(kLatest));
}

}  // namespace platform::lambda
