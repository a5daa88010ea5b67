// SPDX-License-Identifier: Apache-2.0

#include <catch2/catch_test_macros.hpp>
#include <string>

#include <faasnap/snapshot.h>
#include <faasnap/vm.h>

#include "snapshot/snapshot_fixture.h"
#include "support/support.h"

namespace faasnap {
namespace {

using test::error_of;
using test::ScratchDirectory;
using test::SyntheticGuest;

TEST_CASE("no VM is made of an image alone, and the error names the section that it lacks") {
  const ScratchDirectory scratch;
  const Snapshot snapshot = Snapshot::create(scratch.path() / "s", SyntheticGuest().memory());
  const Error error = error_of([&] { VM::restore(snapshot); });
  CHECK(error.kind() == ErrorKind::invalid_argument);
  CHECK(std::string(error.what()).find("section 'machine'") != std::string::npos);
  CHECK(error.path() == scratch.path() / "s" / "state");
}

}  // namespace
}  // namespace faasnap
