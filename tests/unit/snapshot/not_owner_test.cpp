// SPDX-License-Identifier: Apache-2.0

#include <grp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <functional>
#include <string>

#include <faasnap/snapshot.h>

#include "format/snapshot_directory.h"
#include "snapshot/snapshot_fixture.h"
#include "support/child.h"
#include "support/support.h"

namespace faasnap {
namespace {

namespace fs = std::filesystem;
using test::ScratchDirectory;
using test::SyntheticGuest;

constexpr uid_t kStranger = 65534;

// Runs `action` in a child that is another user; see outcome_in_child.
std::string as_stranger(const std::function<void()>& action) {
  return test::outcome_in_child(
      [] {
        return ::setgroups(0, nullptr) == 0 && ::setresgid(kStranger, kStranger, kStranger) == 0 &&
               ::setresuid(kStranger, kStranger, kStranger) == 0;
      },
      action);
}

bool is_refused(const std::string& result, const fs::path& path) {
  INFO(result);
  return result.starts_with("permission: ") && result.find(path.string()) != std::string::npos &&
         result.find('\n') == std::string::npos;
}

// A snapshot of root's in a directory that everybody may search, and a directory of the stranger's.
struct OfRoot {
  OfRoot() {
    if (::geteuid() != 0) {
      SKIP("becoming another user takes root");
    }
    fs::permissions(scratch.path(), fs::perms(0755));
    guest.save_whole(snapshot);
    fs::create_directory(mine);
    REQUIRE(::chown(mine.c_str(), kStranger, kStranger) == 0);
    if (!as_stranger([&] { format::foreign_names(mine); }).empty()) {
      SKIP("the directory of temporary files is closed to other users");
    }
  }
  // Gives the stranger's group these rights.
  void share(mode_t of_directory, mode_t of_files) const {
    REQUIRE(::chown(snapshot.c_str(), 0, kStranger) == 0);
    REQUIRE(::chmod(snapshot.c_str(), of_directory) == 0);
    for (const auto& entry : fs::directory_iterator(snapshot)) {
      REQUIRE(::chown(entry.path().c_str(), 0, kStranger) == 0);
      REQUIRE(::chmod(entry.path().c_str(), of_files) == 0);
    }
  }

  ScratchDirectory scratch;
  SyntheticGuest guest;
  fs::path snapshot = scratch.path() / "s";
  fs::path mine = scratch.path() / "mine";
};

TEST_CASE("a snapshot of another user is refused by name, as long as it is its owner's alone") {
  const OfRoot of;
  CHECK(is_refused(as_stranger([&] { Snapshot::open(of.snapshot); }), of.snapshot));
  SECTION("the directory can be listed, but not searched") {
    of.share(0740, 0640);
    CHECK(is_refused(as_stranger([&] { Snapshot::open(of.snapshot); }), of.snapshot));
  }
  SECTION("one file is closed") {
    of.share(0750, 0640);
    REQUIRE(::chmod((of.snapshot / "loading-set").c_str(), 0600) == 0);
    CHECK(
        is_refused(as_stranger([&] { Snapshot::open(of.snapshot); }), of.snapshot / "loading-set"));
  }
}

TEST_CASE("who may read a snapshot of another user can open, verify, plan and derive it") {
  const OfRoot of;
  of.share(0750, 0640);
  CHECK(as_stranger([&] {
          const Snapshot snapshot = Snapshot::open(of.snapshot);
          snapshot.verify();
          for (const Setting setting : kAllSettings) {
            snapshot.plan(setting);
          }
          // No links are made to files of another user: they are copied.
          snapshot.derive(of.mine / "derived", {}).verify();
        }) == "");
  struct stat status {};
  REQUIRE(::stat((of.mine / "derived" / "memory").c_str(), &status) == 0);
  CHECK(status.st_uid == kStranger);
}

TEST_CASE("who may only read a snapshot is refused what takes more, and changes nothing") {
  const OfRoot of;
  of.share(0750, 0640);
  const auto refused = [&](const std::function<void(const Snapshot&)>& action) {
    return is_refused(as_stranger([&] { action(Snapshot::open(of.snapshot)); }), of.snapshot);
  };
  CHECK(refused([](const Snapshot& snapshot) { snapshot.cached_pages(); }));
  CHECK(refused([](const Snapshot& snapshot) { snapshot.drop_caches(); }));
  CHECK(refused([&](const Snapshot&) { Snapshot::upgrade(of.snapshot); }));
  CHECK(refused([&](const Snapshot&) { Snapshot::remove(of.snapshot); }));
  CHECK(refused([&](const Snapshot& snapshot) { snapshot.derive(of.snapshot / "in", {}); }));
  CHECK_NOTHROW(Snapshot::open(of.snapshot).verify());
}

}  // namespace
}  // namespace faasnap
