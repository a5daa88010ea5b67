#include <faasnap/guest_channel.h>

#include <fmt/format.h>

#include <faasnap/vm.h>

#include "api/agent_client.h"
#include "api/deadline.h"
#include "api/http_client.h"

namespace faasnap {
namespace {

std::string reason_of_end(const VM& vm) {
  const VmState state = vm.state();
  if (!is_final(state)) {
    return {};
  }
  const std::string failure = vm.failure();
  return failure.empty() ? fmt::format("the guest has ended: {}", to_string(state))
                         : fmt::format("the guest has ended: {}: {}", to_string(state), failure);
}

}  // namespace

GuestChannel::GuestChannel(VM& vm, std::uint32_t port) : vm_(&vm), port_(port) {}

std::string GuestChannel::wait_ready(Nanoseconds timeout) {
  const api::AgentSite site{
      [this](Nanoseconds limit) { return vm_->connect(port_, limit); },
      [this] { return reason_of_end(*vm_); },
  };
  return api::wait_until_ready(site, timeout);
}

InvocationReply GuestChannel::invoke(std::string_view function, std::string_view input,
                                     Nanoseconds timeout) {
  return request("POST", "/invoke?function=" + api::percent_encode(function), input, timeout);
}

InvocationReply GuestChannel::request(std::string_view method, std::string_view target,
                                      std::string_view body, Nanoseconds timeout) {
  const api::Deadline deadline(timeout);
  GuestStream stream = vm_->connect(port_, timeout);
  auto response = api::http_exchange(stream, {method, target, body},
                                     deadline.remaining("ask the guest's agent"));
  return {response.status, std::move(response.body)};
}

}  // namespace faasnap
