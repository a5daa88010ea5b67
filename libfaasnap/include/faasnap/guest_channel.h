// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <functional>
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
  // Those that come after the body of a reply that the agent streams. The agent tells in them what
  // it cannot know before: that the function failed after its first byte, and the log.
  std::map<std::string, std::string> trailers{};
  // Time from the call to the first byte of the reply.
  Nanoseconds first_byte{0};
};

// Takes a reply as it comes, on the thread of the call. Each function returns false if it wants no
// more: the connection closes then, and the call returns. What it throws closes the connection,
// too, and reaches the caller. While it runs nothing is read, so that the guest's agent keeps its
// function waiting; its time counts as the call's.
struct ReplySink {
  // Gets the head: status, headers and first_byte.
  std::function<bool(const InvocationReply& head)> head;
  // Gets a piece of the body, of at most 16 KiB; valid during the call.
  std::function<bool(std::string_view piece)> piece;
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
  // Does the same and keeps nothing of the body, which `sink` gets as it comes; both functions must
  // be there. Returns the reply without it. What is wrong with the body is known only after its
  // first pieces: a call that throws ErrorKind::guest or ErrorKind::timeout may have given some.
  InvocationReply request(std::string_view method, std::string_view target, std::string_view body,
                          Nanoseconds timeout, const std::map<std::string, std::string>& headers,
                          const ReplySink& sink);

 private:
  InvocationReply exchange(std::string_view method, std::string_view target, std::string_view body,
                           Nanoseconds timeout, const std::string& headers,
                           const ReplySink* sink = nullptr);

  VM* vm_;
  std::uint32_t port_;
};

}  // namespace faasnap
