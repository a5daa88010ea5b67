// SPDX-License-Identifier: Apache-2.0

#include "guest/trace_headers.h"

#include <catch2/catch_test_macros.hpp>

#include <faasnap/error.h>

#include "support/support.h"

namespace faasnap::guest {
namespace {

TEST_CASE("a request names the trace and the span that it is sent for") {
  const Trace trace;
  CHECK(trace_headers({trace.id(), 0x2a}) ==
        "X-B3-TraceId: " + trace.id() + "\r\nX-B3-SpanId: 000000000000002a\r\nX-B3-Sampled: 1\r\n");
}

TEST_CASE("a request for no trace says nothing of one") { CHECK(trace_headers({}).empty()); }

TEST_CASE("nothing but a trace's id gets into a request's headers") {
  const std::string id = Trace().id();
  for (const std::string& wrong : {id.substr(1), id + "0", std::string(32, 'G'),
                                   std::string(32, 'A'), id.substr(0, 20) + "\r\nInjected: x"}) {
    CAPTURE(wrong);
    CHECK(test::error_of([&] { trace_headers({wrong, 1}); }).kind() == ErrorKind::invalid_argument);
  }
}

}  // namespace
}  // namespace faasnap::guest
