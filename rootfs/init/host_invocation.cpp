// SPDX-License-Identifier: Apache-2.0

#include "host_invocation.h"

#include <algorithm>
#include <utility>

#include "event_loop.h"
#include "json.h"
#include "text.h"

namespace faasnap::init {
namespace {

constexpr const char* kFunctionError = "X-Amz-Function-Error: Unhandled\r\n";
// Together with the log's end it fits into the head that a host reads.
constexpr std::size_t kMostErrorInTrailer = 32 << 10;

bool is_span_id(std::string_view text) {
  return (text.size() == 16 || text.size() == 32) &&
         text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// True for a text that may stand in a path and in a header.
bool is_request_id(std::string_view text) {
  const auto is_fine = [](char c) {
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '-';
  };
  return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), is_fine);
}

// A random UUID (RFC 9562, section 5.4).
std::string new_request_id() {
  std::string bytes = random_bytes(16);
  bytes[6] = static_cast<char>((bytes[6] & 0x0f) | 0x40);
  bytes[8] = static_cast<char>((bytes[8] & 0x3f) | 0x80);
  std::string id = hex(bytes);
  for (const std::size_t at : {20, 16, 12, 8}) {
    id.insert(at, "-");
  }
  return id;
}

// Which span of which trace the invocation belongs to, as AWS X-Ray writes it; B3's, if that is
// what the host sends.
std::string trace_header(const HttpRequest& request) {
  const std::string_view own = request.header("x-amzn-trace-id");
  const std::string_view trace = request.header("x-b3-traceid");
  const std::string_view span = request.header("x-b3-spanid");
  if (!own.empty() || !is_span_id(trace) || trace.size() != 32 || !is_span_id(span)) {
    return std::string(own);
  }
  return format("Root=1-%.8s-%.24s;Parent=%.16s;Sampled=1", trace.data(), trace.data() + 8,
                span.data());
}

Event read_event(HttpRequest& request, std::string_view name, std::uint64_t timeout_ms) {
  Event event;
  const std::string_view id = request.header("x-amzn-requestid");
  const std::string_view type = request.header("content-type");
  const auto own_timeout = parse_number(request.header("faasnap-timeout-ms")).value_or(0);
  event.id = is_request_id(id) ? std::string(id) : new_request_id();
  event.function = name;
  event.content_type = type.empty() ? "application/json" : std::string(type);
  event.client_context = request.header("x-amz-client-context");
  event.trace_id = trace_header(request);
  event.vm_id = request.header("faasnap-vm-id");
  // The image's limit holds whatever the host says; 0 is none.
  event.timeout_ms = own_timeout == 0 || timeout_ms == 0 ? std::max(own_timeout, timeout_ms)
                                                         : std::min(own_timeout, timeout_ms);
  event.timeout_ms = std::min(event.timeout_ms, std::uint64_t{UINT32_MAX});
  event.body = request.body.empty() ? "{}" : std::exchange(request.body, {});
  return event;
}

// What the reply says of the caller: the ids of its headers, if they are well formed.
std::string caller_members(const HttpRequest& request) {
  const std::string_view trace = request.header("x-b3-traceid");
  const std::string_view span = request.header("x-b3-spanid");
  if (!is_span_id(trace) || !is_span_id(span)) {
    return {};
  }
  return format(", \"trace_id\": \"%s\", \"span_id\": \"%s\"", std::string(trace).c_str(),
                std::string(span).c_str());
}

// True if a list such as "deflate, trailers" has the word.
bool has_word(std::string_view list, std::string_view word) {
  while (!list.empty()) {
    auto [element, others] = split(list, ',');
    if (lower_case(take_word(element)) == word) {
      return true;
    }
    list = others;
  }
  return false;
}

Outcome too_large_error(std::string_view error) {
  return failed_outcome(500, "Function.ResponseSizeTooLarge",
                        format("the error has %zu bytes, expected at most %zu after a stream",
                               error.size(), kMostErrorInTrailer));
}

class HostInvocation : public Invocation {
 public:
  HostInvocation(Function& function, HttpConnection& connection, HttpRequest& request,
                 std::string_view name, std::uint64_t timeout_ms, ReplyForm form)
      : Invocation(read_event(request, name, timeout_ms)),
        connection_(&connection),
        form_(form),
        started_(monotonic_now()),
        wants_log_(lower_case(request.header("x-amz-log-type")) == "tail"),
        takes_trailers_(request.may_be_chunked && has_word(request.header("te"), "trailers")),
        caller_(caller_members(request)) {
    connection.when_gone([this, &function] {
      connection_ = nullptr;
      if (const auto sent = std::exchange(sent_, nullptr)) {
        sent();
      }
      function.withdraw(*this);
    });
  }

  ~HostInvocation() override {
    if (connection_ != nullptr) {
      connection_->when_gone(nullptr);
    }
  }

  bool takes_stream() const override { return form_ == ReplyForm::lambda; }

  void begin_stream(std::string_view content_type) override {
    HttpReply head = lambda_head();
    head.content_type = content_type.empty() ? "application/octet-stream" : content_type;
    if (connection_ != nullptr) {
      connection_->begin_stream(head);
    }
  }

  void stream(std::string_view piece) override {
    if (connection_ != nullptr) {
      connection_->stream(piece);
    }
  }

  std::size_t unsent() const override { return connection_ == nullptr ? 0 : connection_->unsent(); }

  void when_sent(std::function<void()> callback) override {
    sent_ = std::move(callback);
    connection_->when_sent([this] {
      if (const auto sent = std::exchange(sent_, nullptr)) {
        sent();
      }
    });
  }

  void end_stream(Outcome outcome) override {
    // Whoever waits to send more finds the stream ended.
    if (const auto sent = std::exchange(sent_, nullptr)) {
      sent();
    }
    HttpConnection* connection = std::exchange(connection_, nullptr);
    if (connection == nullptr) {
      return;
    }
    if (outcome.failed() && !takes_trailers_) {
      connection->when_gone(nullptr);
      connection->close();
    } else {
      connection->end_stream(takes_trailers_ ? trailers(outcome) : std::string());
    }
  }

  void finish(Outcome outcome) override {
    HttpConnection* connection = std::exchange(connection_, nullptr);
    if (connection == nullptr) {
      return;
    }
    const std::string log = log_line(outcome);
    HttpReply reply = form_ == ReplyForm::lambda ? lambda_reply(std::move(outcome))
                                                 : envelope(std::move(outcome));
    reply.headers += log;
    connection->reply(std::move(reply));
  }

 private:
  HttpReply lambda_head() const {
    HttpReply head;
    head.headers =
        format("X-Amzn-RequestId: %s\r\nX-Amz-Executed-Version: $LATEST\r\n", event.id.c_str());
    return head;
  }

  std::string log_line(const Outcome& outcome) const {
    return wants_log_ ? "X-Amz-Log-Result: " + base64(outcome.log_tail) + "\r\n" : std::string();
  }

  std::string trailers(const Outcome& outcome) const {
    std::string lines = log_line(outcome);
    if (outcome.failed()) {
      const std::string& error = outcome.body;
      lines += kFunctionError;
      lines += "Lambda-Runtime-Function-Error-Body: ";
      lines += base64(error.size() <= kMostErrorInTrailer ? error : too_large_error(error).body);
      lines += "\r\n";
    }
    return lines;
  }

  HttpReply lambda_reply(Outcome outcome) const {
    HttpReply reply = lambda_head();
    if (outcome.failed()) {
      reply.headers += kFunctionError;
    }
    reply.content_type = std::move(outcome.content_type);
    reply.body = std::move(outcome.body);
    return reply;
  }

  HttpReply envelope(Outcome outcome) const {
    if (!outcome.failed() && !is_json(outcome.body)) {
      outcome = failed_outcome(500, "", "the result is not JSON");
      return error_envelope(500, event.function + ": " + outcome.error_message);
    }
    if (outcome.failed()) {
      return error_envelope(outcome.status, error_text(outcome));
    }
    HttpReply reply;
    reply.prefix = "{\"result\": ";
    reply.body = std::move(outcome.body);
    reply.suffix = format(", \"timings\": {\"handler_ns\": %lld, \"total_ns\": %lld%s}}\n",
                          static_cast<long long>(outcome.handler_ns),
                          static_cast<long long>(monotonic_now() - started_), caller_.c_str());
    return reply;
  }

  // A refused parameter (422) and the like are not the function's failure: the type says nothing.
  std::string error_text(const Outcome& outcome) const {
    switch (outcome.status) {
      case 400:
      case 404:
        return outcome.error_message;
      case 422:
        return event.function + ": " + outcome.error_message;
      default:
        return event.function + ": " + outcome.error_type + ": " + outcome.error_message;
    }
  }

  static HttpReply error_envelope(int status, const std::string& error) {
    HttpReply reply;
    reply.status = status;
    reply.body = "{\"error\": " + json_quote(error) + "}\n";
    return reply;
  }

  // Null once the host has been answered, or is gone.
  HttpConnection* connection_;
  const ReplyForm form_;
  const std::int64_t started_;
  const bool wants_log_;
  const bool takes_trailers_;
  const std::string caller_;
  std::function<void()> sent_;
};

}  // namespace

std::unique_ptr<Invocation> make_host_invocation(Function& function, HttpConnection& connection,
                                                 HttpRequest& request, std::string_view name,
                                                 std::uint64_t timeout_ms, ReplyForm form) {
  return std::make_unique<HostInvocation>(function, connection, request, name, timeout_ms, form);
}

}  // namespace faasnap::init
