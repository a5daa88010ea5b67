// SPDX-License-Identifier: Apache-2.0

#include "runtime_api.h"

#include <utility>

#include "json.h"
#include "text.h"

namespace faasnap::init {
namespace {

constexpr std::string_view kApiPrefix = "/2018-06-01/runtime/";
constexpr std::string_view kInvocationPrefix = "/2018-06-01/runtime/invocation/";
// What may wait in the agent of a result that comes faster than the host takes it.
constexpr std::size_t kMostUnsent = 256 << 10;

// Returns id and verb of a path such as /2018-06-01/runtime/invocation/ID/response.
std::pair<std::string_view, std::string_view> parse_invocation_path(std::string_view path) {
  return path.starts_with(kInvocationPrefix) ? split(path.substr(kInvocationPrefix.size()), '/')
                                             : std::pair<std::string_view, std::string_view>();
}

// Returns the first of the texts that says something.
std::string first_of(std::string_view a, std::string b, const char* c) {
  return !a.empty() ? std::string(a) : !b.empty() ? std::move(b) : std::string(c);
}

// Returns the failure that the process reports in trailers, after it has begun to answer.
Outcome reported_in_trailers(const HttpRequest& request) {
  const std::string type(request.trailer("lambda-runtime-function-error-type"));
  Outcome outcome = failed_outcome(500, type, "no message");
  auto body = parse_base64(request.trailer("lambda-runtime-function-error-body"));
  if (body && is_json(*body)) {
    outcome.body = std::move(*body);
  }
  return outcome;
}

// Returns the failure that the process reports: {errorMessage, errorType, ...} in the body, the
// type also in a header.
Outcome reported_failure(HttpRequest& request) {
  Outcome outcome;
  const auto status = parse_number(request.header("faasnap-status"));
  outcome.status = status && *status >= 400 && *status <= 599 ? static_cast<int>(*status) : 500;
  outcome.error_type =
      first_of(json_string_member(request.body, "errorType"),
               std::string(request.header("lambda-runtime-function-error-type")), "Error");
  outcome.error_message =
      first_of(json_string_member(request.body, "errorMessage"), {}, "no message");
  outcome.body = std::move(request.body);
  return outcome;
}

Outcome reported_result(HttpRequest& request) {
  Outcome outcome;
  const std::string_view type = request.header("content-type");
  outcome.content_type = type.empty() ? outcome.content_type : std::string(type);
  outcome.handler_ns = static_cast<std::int64_t>(
      parse_number(request.header("faasnap-handler-ns")).value_or(0) & INT64_MAX);
  outcome.body = std::move(request.body);
  return outcome;
}

HttpReply api_error(int status, const std::string& reason) {
  HttpReply reply;
  reply.status = status;
  reply.body =
      failed_outcome(status, status == 413 ? "RequestEntityTooLarge" : "InvalidRequest", reason)
          .body;
  return reply;
}

HttpReply accepted() {
  HttpReply reply;
  reply.status = 202;
  reply.body = "{\"status\": \"OK\"}";
  return reply;
}

}  // namespace

HttpRequestParser::BodySink RuntimeApi::body_sink(HttpConnection& connection,
                                                  const HttpRequest& request) {
  const auto [id, verb] = parse_invocation_path(request.path);
  Invocation* invocation = function_.find_running(id);
  const bool streams =
      verb == "response" &&
      lower_case(request.header("lambda-runtime-function-response-mode")) == "streaming";
  if (!streams || invocation == nullptr || !invocation->takes_stream()) {
    return nullptr;
  }
  function_.begin_stream(*invocation, request.header("content-type"));
  connection.when_gone([this, id = std::string(id)] {
    if (const Invocation* cut_off = function_.find_running(id)) {
      function_.end_stream(*cut_off, truncated_outcome("its connection closed"));
    }
  });
  return [this, &connection, id = std::string(id)](std::string_view piece) {
    on_piece(connection, id, piece);
  };
}

void RuntimeApi::on_piece(HttpConnection& connection, const std::string& id,
                          std::string_view piece) {
  Invocation* invocation = function_.find_running(id);
  if (invocation == nullptr) {
    return;
  }
  invocation->stream(piece);
  if (invocation->unsent() > kMostUnsent) {
    connection.pause_reading();
    invocation->when_sent([&connection] { connection.resume_reading(); });
  }
}

void RuntimeApi::on_request(HttpConnection& connection, HttpRequest& request) {
  const std::string_view verb = parse_invocation_path(request.path).second;
  const std::string_view path = request.path;
  const std::string_view call = path.starts_with(kApiPrefix) ? path.substr(kApiPrefix.size()) : "";
  const bool is_get = request.method == "GET";
  const bool is_post = request.method == "POST";
  if (is_get && call == "invocation/next") {
    function_.next(connection);
  } else if (is_get && call == "restore/next") {
    function_.restore_next(connection);
  } else if (is_post && (call == "init/error" || call == "restore/error")) {
    Outcome failure = reported_failure(request);
    connection.reply(accepted());
    function_.init_failed(std::move(failure));
  } else if (is_post && (verb == "response" || verb == "error")) {
    on_outcome(connection, request);
  } else {
    connection.reply(api_error(404, format("%s %.80s is not a call of the Runtime API",
                                           request.method.c_str(), request.path.c_str())));
  }
}

void RuntimeApi::on_outcome(HttpConnection& connection, HttpRequest& request) {
  const auto [id, verb] = parse_invocation_path(request.path);
  Invocation* invocation = function_.find_running(id);
  if (invocation == nullptr) {
    connection.resume_reading();
    connection.reply(api_error(400, format("request id %.80s: the process has no such invocation",
                                           std::string(id).c_str())));
  } else if (request.was_streamed) {
    const bool failed = !request.trailer("lambda-runtime-function-error-type").empty();
    function_.end_stream(*invocation, failed ? reported_in_trailers(request) : Outcome());
    connection.resume_reading();
    connection.reply(accepted());
  } else {
    function_.finish(*invocation,
                     verb == "error" ? reported_failure(request) : reported_result(request));
    connection.reply(accepted());
  }
}

// A process that is refused may try another answer, unless the host has begun to get this one.
HttpReply RuntimeApi::refuse(const HttpRequest& request, int status, const std::string& reason) {
  const Invocation* invocation = function_.find_running(parse_invocation_path(request.path).first);
  if (invocation != nullptr && request.was_streamed) {
    function_.end_stream(*invocation, truncated_outcome(reason));
  } else if (invocation != nullptr && status == 413) {
    function_.finish(*invocation, failed_outcome(500, "Function.ResponseSizeTooLarge",
                                                 "the result is " + reason));
  }
  return api_error(status, reason);
}

}  // namespace faasnap::init
