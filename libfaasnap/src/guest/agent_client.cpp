// SPDX-License-Identifier: Apache-2.0

#include "guest/agent_client.h"

#include <fmt/format.h>

#include <algorithm>
#include <thread>

#include "base/deadline.h"
#include "base/error.h"
#include "guest/http_client.h"

namespace faasnap::guest {
namespace {

using std::chrono::milliseconds;

constexpr const char* kAwaitingAgent = "wait for the guest's agent";
// A guest whose vsock driver is not ready does not answer at all.
constexpr Nanoseconds kConnectTimeout = milliseconds(250);
constexpr Nanoseconds kReplyTimeout = std::chrono::seconds(5);
constexpr Nanoseconds kFirstPause = milliseconds(1);
constexpr Nanoseconds kLongestPause = milliseconds(20);

HttpResponse ask(const AgentSite& site, const base::Deadline& deadline) {
  GuestStream stream = site.connect(deadline.remaining_at_most(kConnectTimeout, kAwaitingAgent));
  return http_exchange(stream, {"GET", "/healthz", ""},
                       deadline.remaining_at_most(kReplyTimeout, kAwaitingAgent));
}

}  // namespace

std::string wait_until_ready(const AgentSite& site, Nanoseconds timeout) {
  const base::Deadline deadline(timeout);
  std::string last_failure;
  for (Nanoseconds pause = kFirstPause;; pause = std::min(2 * pause, kLongestPause)) {
    if (const std::string reason = site.ended(); !reason.empty()) {
      base::fail(ErrorKind::guest, kAwaitingAgent, {}, reason);
    }
    try {
      HttpResponse response = ask(site, deadline);
      if (response.status == 200) {
        return std::move(response.body);
      }
      last_failure = fmt::format("the agent answered with status {}", response.status);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::guest && error.kind() != ErrorKind::timeout) {
        throw;
      }
      // An attempt that the deadline interrupted says less than the one before.
      if (!deadline.passed() || last_failure.empty()) {
        last_failure = error.what();
      }
    }
    if (deadline.passed()) {
      base::fail(ErrorKind::timeout, kAwaitingAgent, {},
                 fmt::format("no answer in time; {}", last_failure));
    }
    std::this_thread::sleep_for(pause);
  }
}

}  // namespace faasnap::guest
