#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <faasnap/export.h>
#include <faasnap/trace.h>
#include <faasnap/units.h>

namespace faasnap {

class VM;

// The answer of the guest's agent to one invocation.
struct InvocationReply {
  // HTTP status: 200 when the function returned.
  int status = 0;
  // The JSON document.
  std::string body{};
  // From the call until the first byte of the reply.
  Nanoseconds first_byte{0};
};

// The vsock port that the guest's agent listens on, and the one on which it expects an object
// store.
inline constexpr std::uint32_t kAgentPort = 8080;
inline constexpr std::uint32_t kObjectStorePort = 6379;

// Speaks HTTP/1.1 with the agent in a guest: POST /invoke?function=NAME and GET /healthz. Does not
// own the VM, which must outlive it; safe from several threads, each call uses a stream of its own.
class FAASNAP_EXPORT GuestChannel {
 public:
  explicit GuestChannel(VM& vm, std::uint32_t port = kAgentPort);

  // Waits until the agent answers GET /healthz, and returns its JSON. ErrorKind::timeout, or
  // ErrorKind::guest when the guest stops first.
  std::string wait_ready(Nanoseconds timeout);
  // Runs `function` with the JSON document `input`. A status other than 200 is returned, not
  // thrown; a broken or absent reply is ErrorKind::guest. Replies are at most 64 MiB. The agent
  // names the span of `caller` in its timings (docs/reference/tracing.md);
  // ErrorKind::invalid_argument for one that no Trace has made.
  InvocationReply invoke(std::string_view function, std::string_view input, Nanoseconds timeout,
                         const TraceContext& caller = {});
  // Any other request, for example "GET", "/healthz", "".
  InvocationReply request(std::string_view method, std::string_view target, std::string_view body,
                          Nanoseconds timeout);

 private:
  InvocationReply exchange(std::string_view method, std::string_view target, std::string_view body,
                           Nanoseconds timeout, const std::string& headers);

  VM* vm_;
  std::uint32_t port_;
};

}  // namespace faasnap
