#include "run/function_host.h"

#include <fmt/format.h>

#include <fstream>
#include <iterator>
#include <utility>

#include <faasnap/error.h>

#include "failure.h"

namespace faasnap::cli {
namespace {

namespace fs = std::filesystem;

// Long enough for an emulated processor on a busy machine, too. A guest that fails says so at once.
constexpr Nanoseconds kBootTimeout = std::chrono::minutes(10);
constexpr Nanoseconds kInvokeTimeout = std::chrono::minutes(15);
// No time that a guest may claim is longer.
constexpr std::uint64_t kLongestTime = std::chrono::nanoseconds(std::chrono::hours(24)).count();

std::string read_text(const std::string& file) {
  std::ifstream stream(file);
  std::string text{std::istreambuf_iterator<char>(stream), {}};
  if (!stream) {
    throw UsageError(fmt::format("--input @{}: cannot be read", file));
  }
  return text;
}

// The agent says {"error": "..."}.
std::string reason_of(const InvocationReply& reply) {
  const auto body = parse_json(reply.body);
  if (body && body->is_object() && body->contains("error") && (*body)["error"].is_string()) {
    return (*body)["error"].get<std::string>();
  }
  return fmt::format("the agent answered with status {}", reply.status);
}

}  // namespace

Json parse_input(const std::string& text) {
  std::size_t place = 0;
  auto input = parse_json(text.starts_with('@') ? read_text(text.substr(1)) : text, &place);
  if (!input) {
    throw UsageError(fmt::format("--input is not JSON, at byte {}", place));
  }
  if (!input->is_object()) {
    throw UsageError("--input: expected a JSON object, such as {\"name\": \"you\"}");
  }
  return std::move(*input);
}

FunctionHost::FunctionHost(std::shared_ptr<ObjectStore> store)
    : server_(std::move(store), [this](LogLevel, std::string_view text) {
        const std::lock_guard lock(mutex_);
        trouble_ = text;
      }) {}

std::string FunctionHost::take_trouble() {
  const std::lock_guard lock(mutex_);
  return std::exchange(trouble_, {});
}

void FunctionHost::attach(VM& vm) {
  vm.listen(kObjectStorePort, [this](GuestStream stream) { server_.serve(std::move(stream)); });
}

void wait_for_agent(VM& vm, const ConsoleTail& console) {
  try {
    GuestChannel(vm).wait_ready(kBootTimeout);
  } catch (const Error& error) {
    // The agent gives up at once when it is to serve a function that the image lacks.
    static const std::string kUnknown = "UnknownFunction: ";
    if (const auto line = console.last_line(kUnknown); !line.empty()) {
      throw Failure(line.substr(line.find(kUnknown) + kUnknown.size()));
    }
    const auto line = console.last_line();
    throw Failure(line.empty() ? error.what()
                               : fmt::format("{}; its console ends with: {}", error.what(), line));
  }
}

InvocationReply invoke_raw(FunctionHost& host, VM& vm, const std::string& function,
                           const Json& input, const TraceContext& caller) {
  host.take_trouble();  // of an invocation before
  InvocationReply reply = GuestChannel(vm).invoke(function, to_text(input), kInvokeTimeout, caller);
  if (reply.status != 200) {
    const std::string trouble = host.take_trouble();
    throw Failure(trouble.empty() ? reason_of(reply)
                                  : fmt::format("{} ({})", reason_of(reply), trouble));
  }
  return reply;
}

Json parse_reply(const std::string& reply) {
  auto body = parse_json(reply);
  const auto has_time = [&](const char* name) {
    const Json& timings = (*body)["timings"];
    return timings.is_object() && timings.contains(name) && timings[name].is_number_unsigned() &&
           timings[name].get<std::uint64_t>() <= kLongestTime;
  };
  if (!body || !body->is_object() || !body->contains("result") || !has_time("handler_ns") ||
      !has_time("total_ns")) {
    throw Failure("the agent's reply is not what it should be: no JSON object with a result");
  }
  return std::move(*body);
}

Json invoke_function(FunctionHost& host, VM& vm, const std::string& function, const Json& input) {
  return parse_reply(invoke_raw(host, vm, function, input).body)["result"];
}

}  // namespace faasnap::cli
