// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <functional>
#include <string>

#include <faasnap/guest_stream.h>
#include <faasnap/units.h>

namespace faasnap::guest {

// What waiting for an agent needs from the VM.
struct AgentSite {
  // Opens a new stream to the agent. Throws ErrorKind::guest while nothing listens, and
  // ErrorKind::timeout.
  std::function<GuestStream(Nanoseconds timeout)> connect;
  // Returns why the guest will never answer, or an empty string while it may.
  std::function<std::string()> ended;
};

// Repeats GET /healthz until the agent answers with status 200, and returns the body. Throws
// ErrorKind::guest with the reason that `ended` returns, or ErrorKind::timeout with the last
// failure.
std::string wait_until_ready(const AgentSite& site, Nanoseconds timeout);

}  // namespace faasnap::guest
