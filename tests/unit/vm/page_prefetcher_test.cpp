// SPDX-License-Identifier: Apache-2.0

#include <faasnap/page_prefetcher.h>

#include <catch2/catch_test_macros.hpp>

#include "snapshot/snapshot_fixture.h"
#include "support/support.h"

namespace faasnap {
namespace {

TEST_CASE("a prefetcher brings what a plan lists into the page cache, without a VM") {
  const test::ScratchDirectory scratch;
  const Snapshot snapshot = test::SyntheticGuest().save_whole(scratch.path() / "snapshot");
  if (snapshot.drop_caches() != 0) {
    SKIP("the temporary directory's file system keeps its pages in memory");
  }
  const RestorePlan plan = snapshot.plan(Setting::faasnap);
  std::uint64_t pages = 0;
  for (const PlannedRead& read : plan.reads()) {
    pages += read.guest.count;
  }
  REQUIRE(pages > 0);

  const PagePrefetcher prefetcher(snapshot, plan);
  prefetcher.wait();

  CHECK(snapshot.cached_pages() >= pages);
  const PrefetchStats stats = prefetcher.stats();
  CHECK(stats.finished);
  CHECK(stats.pages == pages);
  CHECK(stats.bytes == Bytes{pages * kPageSize});
}

TEST_CASE("a prefetcher of a plan that reads nothing has nothing to wait for") {
  const test::ScratchDirectory scratch;
  const Snapshot snapshot = test::SyntheticGuest().save_whole(scratch.path() / "snapshot");
  const PagePrefetcher prefetcher(snapshot, snapshot.plan(Setting::lazy));
  CHECK_NOTHROW(prefetcher.wait());
  CHECK(prefetcher.stats().pages == 0);
}

}  // namespace
}  // namespace faasnap
