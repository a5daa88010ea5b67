#pragma once

#include <functional>
#include <string>

#include <faasnap/guest_stream.h>
#include <faasnap/units.h>

namespace faasnap::guest {

// What waiting for an agent needs of its VM.
struct AgentSite {
  // A new stream to the agent; throws ErrorKind::guest while nothing listens, ErrorKind::timeout.
  std::function<GuestStream(Nanoseconds timeout)> connect;
  // Why the guest will never answer; empty while it may.
  std::function<std::string()> ended;
};

// Asks GET /healthz again and again until the agent answers with status 200, and returns the body.
// Throws ErrorKind::guest with what `ended` says, or ErrorKind::timeout with the last failure.
std::string wait_until_ready(const AgentSite& site, Nanoseconds timeout);

}  // namespace faasnap::guest
