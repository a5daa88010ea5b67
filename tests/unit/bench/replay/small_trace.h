// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "replay/trace/trace.h"

namespace faasnap::bench::test {

// Sixteen pages, of which 2 to 4 and 9 hold data.
inline Trace small_trace() {
  using std::chrono::microseconds;
  Trace trace;
  trace.name = "small";
  trace.function = "json";
  trace.input = R"({"input": "json-13k"})";
  trace.memory = PageIndex{16}.offset();
  trace.nonzero = {{{2}, 3}, {{9}, 1}};
  trace.accesses = {{{3}, microseconds(10), false, false}, {{4}, microseconds(10), false, false},
                    {{9}, microseconds(25), true, false},  {{0}, microseconds(75), true, true},
                    {{1}, microseconds(80), true, true},   {{2}, microseconds(80), false, false}};
  trace.dilation = 10;
  trace.overhead = microseconds(5);
  return trace;
}

}  // namespace faasnap::bench::test
