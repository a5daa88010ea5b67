// SPDX-License-Identifier: Apache-2.0

#include "replay/replay_image.h"

#include <catch2/catch_test_macros.hpp>

#include <faasnap/restored_memory.h>

#include "replay/content.h"
#include "replay/trace/synthetic.h"
#include "support/support.h"

namespace faasnap::bench {
namespace {

Trace trace_of_runs() {
  return make_synthetic_trace({.pages = 32768,
                               .nonzero_pages = 4000,
                               .nonzero_runs = 100,
                               .touched_pages = 500,
                               .touched_runs = 60,
                               .regions = 20,
                               .inner_gap_pages = 60,
                               .zero_pages = 50,
                               .zero_runs = 10});
}

// True if memory restored from the image is what the trace says, before any of its accesses.
bool has_content(const ReplayImage& image) {
  RestoredMemory memory(image.snapshot(), Setting::lazy);
  memory.start();
  Trace untouched = image.trace();
  untouched.accesses.clear();
  return !ExpectedMemory(untouched).first_difference(memory.bytes(), false);
}

TEST_CASE("a replayed image is a layer over a base that has its share of the pages") {
  const faasnap::test::ScratchDirectory scratch;
  const Trace trace = trace_of_runs();
  const ReplayImage image(scratch.path() / "image", trace, perfect_recording(trace), {},
                          {.percent = 45});
  const auto layers = image.snapshot().layers();
  REQUIRE(layers.size() == 2);
  CHECK(layers[0].shown_pages + layers[1].shown_pages == 4000);
  CHECK(layers[1].shown_pages > 4000 * 35 / 100);
  CHECK(layers[1].shown_pages < 4000 * 55 / 100);
  CHECK(has_content(image));
}

TEST_CASE("a base stays in the page cache when the image is made cold, unless it is cold as well") {
  const faasnap::test::ScratchDirectory scratch;
  const Trace trace = trace_of_runs();
  const auto left = [&](const char* name, const ReplayBase& base) {
    const ReplayImage image(scratch.path() / name, trace, perfect_recording(trace), {}, base);
    image.make_cold();
    return image.snapshot().base()->cached_pages();
  };
  CHECK(left("warm", {.percent = 45}) >= 4000);
  CHECK(left("cold", {.percent = 45, .cold = true}) == 0);
}

TEST_CASE("without a base the replayed image is whole") {
  const faasnap::test::ScratchDirectory scratch;
  const Trace trace = trace_of_runs();
  const ReplayImage image(scratch.path() / "image", trace, perfect_recording(trace));
  CHECK(image.snapshot().layers().size() == 1);
  CHECK(has_content(image));
}

}  // namespace
}  // namespace faasnap::bench
