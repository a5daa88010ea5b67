// SPDX-License-Identifier: Apache-2.0

#include <catch2/catch_test_macros.hpp>
#include <string>

#include <faasnap/snapshot.h>

#include "memory/memory_usage.h"
#include "snapshot/snapshot_fixture.h"
#include "support/support.h"
#include "support/without_proc.h"

namespace faasnap {
namespace {

TEST_CASE("without /proc snapshots are opened, verified, planned, derived and removed") {
  const test::ScratchDirectory scratch;
  test::SyntheticGuest().save_whole(scratch.path() / "s");
  CHECK(test::without_proc([&] {
          const Snapshot snapshot = Snapshot::open(scratch.path() / "s");
          snapshot.verify();
          for (const Setting setting : kAllSettings) {
            snapshot.plan(setting);
          }
          snapshot.drop_caches();
          snapshot.derive(scratch.path() / "derived", {}).verify();
          // Made here: a child does not see the memory of its parent's guests.
          const test::SyntheticGuest guest;
          Snapshot::create(scratch.path() / "image", guest.memory()).verify();
          Snapshot::remove(scratch.path() / "image");
        }) == "");
  CHECK_NOTHROW(Snapshot::open(scratch.path() / "derived").verify());
}

TEST_CASE("what needs /proc says that it is not mounted") {
  const test::SyntheticGuest guest;
  for (const std::string& outcome :
       {test::without_proc([&] { memory::touched_pages(guest.memory()); }),
        test::without_proc([&] { memory::read_memory_usage(guest.memory()); })}) {
    INFO(outcome);
    CHECK(outcome.starts_with("unsupported: "));
    CHECK(outcome.ends_with("/proc is not mounted"));
  }
}

}  // namespace
}  // namespace faasnap
