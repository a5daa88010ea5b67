// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include <faasnap/export.h>
#include <faasnap/trace.h>
#include <faasnap/units.h>

namespace faasnap {

class VM;

// The answer of the guest's agent to one invocation.
struct InvocationReply {
  // HTTP status; 200 if the function returned.
  int status = 0;
  // The JSON document.
  std::string body{};
  // The reply's header fields by their names in lower case; of equal names the last.
  std::map<std::string, std::string> headers{};
  // Time from the call to the first byte of the reply.
  Nanoseconds first_byte{0};
};

// The vsock ports on which the guest's agent listens and on which it expects an object store.
inline constexpr std::uint32_t kAgentPort = 8080;
inline constexpr std::uint32_t kObjectStorePort = 6379;

// Speaks HTTP/1.1 with the agent in a guest: POST /invoke?function=NAME and GET /healthz. Does not
// own the VM, which must outlive it. Safe to use from several threads; each call uses a stream of
// its own.
class FAASNAP_EXPORT GuestChannel {
 public:
  explicit GuestChannel(VM& vm, std::uint32_t port = kAgentPort);

  // Waits until the agent answers GET /healthz, and returns its JSON. Throws ErrorKind::timeout, or
  // ErrorKind::guest if the guest stops first.
  std::string wait_ready(Nanoseconds timeout);
  // Runs `function` with the JSON document `input`. Returns every status, also other than 200;
  // throws ErrorKind::guest if the reply is broken or missing. A reply has at most 64 MiB. The
  // agent's timings name the span of `caller` (docs/reference/tracing.md); throws
  // ErrorKind::invalid_argument if its trace id is not one of Trace.
  InvocationReply invoke(std::string_view function, std::string_view input, Nanoseconds timeout,
                         const TraceContext& caller = {});
  // Sends any other request, for example "GET", "/healthz", "", with `headers` besides the
  // channel's own. Throws ErrorKind::invalid_argument for a header that would break the request: a
  // name that is not a token (RFC 9110, section 5.6.2), or a value with control characters.
  InvocationReply request(std::string_view method, std::string_view target, std::string_view body,
                          Nanoseconds timeout,
                          const std::map<std::string, std::string>& headers = {});

 private:
  InvocationReply exchange(std::string_view method, std::string_view target, std::string_view body,
                           Nanoseconds timeout, const std::string& headers);

  VM* vm_;
  std::uint32_t port_;
};

}  // namespace faasnap
