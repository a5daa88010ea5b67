// SPDX-License-Identifier: Apache-2.0

#include <faasnap/guest_channel.h>

#include <fmt/format.h>

#include <array>
#include <utility>

#include <faasnap/vm.h>

#include "base/clock.h"
#include "base/deadline.h"
#include "base/error.h"
#include "base/random.h"
#include "base/vm_state.h"
#include "guest/agent_client.h"
#include "guest/http_client.h"
#include "guest/http_head.h"
#include "guest/trace_headers.h"

namespace faasnap {
namespace {

std::string reason_of_end(const VM& vm) {
  const VmState state = vm.state();
  if (!is_final(state)) {
    return {};
  }
  return base::describe_end(state, vm.failure());
}

// Returns what a clone of a snapshot cannot know by itself: that it is one, random bytes that its
// siblings do not have, and the time. Guests with a VMGenID driver and a host clock need the first
// only; others take all from here.
std::string clone_headers(const VM& vm) {
  const auto seed = base::random_value<std::array<std::uint64_t, 4>>();
  return fmt::format(
      "Faasnap-Vm-Id: {}\r\nFaasnap-Entropy: {:016x}{:016x}{:016x}{:016x}\r\nFaasnap-Time-Ns: "
      "{}\r\n",
      vm.id(), seed[0], seed[1], seed[2], seed[3], base::realtime_now().count());
}

}  // namespace

GuestChannel::GuestChannel(VM& vm, std::uint32_t port) : vm_(&vm), port_(port) {}

std::string GuestChannel::wait_ready(Nanoseconds timeout) {
  const guest::AgentSite site{
      [this](Nanoseconds limit) { return vm_->connect(port_, limit); },
      [this] { return reason_of_end(*vm_); },
  };
  return guest::wait_until_ready(site, timeout);
}

InvocationReply GuestChannel::invoke(std::string_view function, std::string_view input,
                                     Nanoseconds timeout, const TraceContext& caller) {
  return exchange("POST", "/invoke?function=" + guest::percent_encode(function), input, timeout,
                  clone_headers(*vm_) + guest::trace_headers(caller));
}

InvocationReply GuestChannel::request(std::string_view method, std::string_view target,
                                      std::string_view body, Nanoseconds timeout,
                                      const std::map<std::string, std::string>& headers) {
  return exchange(method, target, body, timeout,
                  clone_headers(*vm_) + guest::header_lines(headers));
}

InvocationReply GuestChannel::request(std::string_view method, std::string_view target,
                                      std::string_view body, Nanoseconds timeout,
                                      const std::map<std::string, std::string>& headers,
                                      const ReplySink& sink) {
  return exchange(method, target, body, timeout, clone_headers(*vm_) + guest::header_lines(headers),
                  &sink);
}

InvocationReply GuestChannel::exchange(std::string_view method, std::string_view target,
                                       std::string_view body, Nanoseconds timeout,
                                       const std::string& headers, const ReplySink* sink) {
  const Nanoseconds begun = base::monotonic_now();
  const base::Deadline deadline(timeout);
  const auto to_reply = [begun](guest::HttpResponse response) -> InvocationReply {
    return {.status = response.status,
            .body = std::move(response.body),
            .headers = std::move(response.headers),
            .trailers = std::move(response.trailers),
            .first_byte = response.first_byte - begun};
  };
  const guest::HttpRequest request{method, target, body, headers};
  bool in_sink = false;
  GuestStream stream = vm_->connect(port_, timeout);
  try {
    if (sink == nullptr) {
      return to_reply(
          guest::http_exchange(stream, request, deadline.remaining(guest::kAskingAgent)));
    }
    const auto call = [&in_sink](const auto& function, const auto& argument) {
      in_sink = true;
      const bool more = function(argument);
      in_sink = false;
      return more;
    };
    const guest::ResponseSink pieces{
        [&](const guest::HttpResponse& head) { return call(sink->head, to_reply(head)); },
        [&](std::string_view piece) { return call(sink->piece, piece); }};
    return to_reply(
        guest::http_exchange(stream, request, deadline.remaining(guest::kAskingAgent), pieces));
  } catch (const Error&) {
    // A guest that has ended took its connections with it; the reason of its end says more.
    const std::string reason = in_sink ? std::string() : reason_of_end(*vm_);
    if (reason.empty()) {
      throw;
    }
    base::fail(ErrorKind::guest, guest::kAskingAgent, {}, reason);
  }
}

}  // namespace faasnap
