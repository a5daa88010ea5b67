// SPDX-License-Identifier: Apache-2.0

#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <fstream>
#include <memory>

#include <faasnap/snapshot_leftovers.h>

#include "base/files/pending_file.h"
#include "format/snapshot_directory.h"
#include "snapshot/snapshot_fixture.h"
#include "support/support.h"

namespace faasnap {
namespace {

namespace fs = std::filesystem;
using test::ScratchDirectory;
using test::SyntheticGuest;

// Leaves in `directory` what a process leaves there that is killed while it makes a snapshot and a
// file.
void leave_behind(const fs::path& directory) {
  const pid_t child = ::fork();
  if (child == 0) {
    const format::NewSnapshotDirectory snapshot(directory / "s");
    snapshot.create(format::kMemoryFile);
    fs::create_directory(directory / "images");
    const base::PendingFile file(directory / "images");
    ::_exit(0);  // without any destructor
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(status == 0);
}

TEST_CASE("what a killed process has left is found, and removed") {
  const ScratchDirectory scratch;
  leave_behind(scratch.path());
  const auto found = find_leftovers(scratch.path());
  REQUIRE(found.size() == 2);
  CHECK(found[0].path.parent_path() == scratch.path() / "images");
  CHECK(format::is_partial_name(found[1].path.filename().string()));
  CHECK(found[1].changed > Nanoseconds(0));
  CHECK(remove_leftovers(scratch.path()).size() == 2);
  CHECK(find_leftovers(scratch.path()).empty());
  CHECK(fs::is_empty(scratch.path() / "images"));
  CHECK(std::distance(fs::directory_iterator(scratch.path()), {}) == 1);
}

TEST_CASE("what a living process is making is no leftover, nor is anything that is whole") {
  const ScratchDirectory scratch;
  const SyntheticGuest guest;
  guest.save(scratch.path() / "whole");
  fs::create_directory(scratch.path() / "notes.partial-of-mine");
  std::ofstream(scratch.path() / "s.partial-0123abcd") << "a file";
  {
    format::NewSnapshotDirectory snapshot(scratch.path() / "s");
    const base::PendingFile file(scratch.path());
    CHECK(find_leftovers(scratch.path()).empty());
    CHECK(remove_leftovers(scratch.path()).empty());
    snapshot.commit();
    CHECK(remove_leftovers(scratch.path()).empty());
  }
  CHECK(remove_leftovers(scratch.path()).empty());
  CHECK(fs::exists(scratch.path() / "s"));
  CHECK(fs::exists(scratch.path() / "whole" / "memory"));
}

TEST_CASE("a directory that does not exist is an error, and no leftovers") {
  CHECK(test::kind_of([] { find_leftovers("/nonexistent"); }) == ErrorKind::not_found);
}

}  // namespace
}  // namespace faasnap
