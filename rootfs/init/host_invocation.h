// SPDX-License-Identifier: Apache-2.0

#ifndef FAASNAP_INIT_HOST_INVOCATION_H_
#define FAASNAP_INIT_HOST_INVOCATION_H_

#include <memory>
#include <string>

#include "function.h"
#include "http_server.h"
#include "invocation.h"

namespace faasnap::init {

// The two forms in which a host may ask for an invocation and be answered.
enum class ReplyForm {
  // POST /invoke: a JSON object with the result and timings, or with an error.
  envelope,
  // Lambda's Invoke: the result as it is, and what else there is to say in headers.
  lambda,
};

// Returns the invocation that `request`, from `connection`, asks for. Takes the body. The host is
// answered on `connection`, unless it closes before.
std::unique_ptr<Invocation> make_host_invocation(Function& function, HttpConnection& connection,
                                                 HttpRequest& request, std::string_view name,
                                                 std::uint64_t timeout_ms, ReplyForm form);

}  // namespace faasnap::init

#endif  // FAASNAP_INIT_HOST_INVOCATION_H_
