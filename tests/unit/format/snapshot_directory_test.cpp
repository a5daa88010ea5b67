// SPDX-License-Identifier: Apache-2.0

#include "format/snapshot_directory.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <catch2/catch_test_macros.hpp>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "base/files/file.h"
#include "support/support.h"

namespace faasnap::format {
namespace {

using test::error_of;
using test::ScratchDirectory;

void make_snapshot(const std::filesystem::path& path) {
  NewSnapshotDirectory directory(path);
  for (const std::string_view name : kSnapshotFiles) {
    directory.create(name);
  }
  directory.commit();
}

// A directory that is seen through a FUSE file system, which knows no RENAME_NOREPLACE. Skips where
// there is no bindfs, or it cannot mount.
class BoundDirectory {
 public:
  explicit BoundDirectory(const std::filesystem::path& scratch) : path_(scratch / "bound") {
    std::filesystem::create_directory(scratch / "source");
    std::filesystem::create_directory(path_);
    if (!run("bindfs " + (scratch / "source").string() + " " + path_.string())) {
      SKIP("bindfs is missing or cannot mount");
    }
    const auto from = path_ / "from";
    std::filesystem::create_directory(from);
    const bool exclusive = ::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, (path_ / "to").c_str(),
                                       RENAME_NOREPLACE) == 0;
    std::filesystem::remove(exclusive ? path_ / "to" : from);
    if (exclusive) {
      unmount();
      SKIP("this bindfs has an exclusive rename");
    }
  }
  ~BoundDirectory() { unmount(); }
  BoundDirectory(const BoundDirectory&) = delete;
  BoundDirectory& operator=(const BoundDirectory&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  static bool run(const std::string& command) {
    return std::system(("(" + command + ") >/dev/null 2>&1").c_str()) == 0;
  }
  void unmount() const {
    run("fusermount3 -u " + path_.string() + " || fusermount -u " + path_.string() + " || umount " +
        path_.string());
  }

  std::filesystem::path path_;
};

bool has_nothing(const std::filesystem::path& directory) {
  return std::filesystem::is_empty(directory);
}

TEST_CASE("nothing is at the target before the commit, and everything after it") {
  const ScratchDirectory scratch;
  const auto target = scratch.path() / "s";
  {
    NewSnapshotDirectory directory(target);
    directory.create(kManifestFile);
    CHECK_FALSE(std::filesystem::exists(target));
    CHECK(directory.path_of(kManifestFile).parent_path().parent_path() == scratch.path());
    directory.commit();
  }
  CHECK(std::filesystem::exists(target / kManifestFile));
}

TEST_CASE("without a commit nothing is left") {
  const ScratchDirectory scratch;
  {
    NewSnapshotDirectory directory(scratch.path() / "s");
    directory.create(kMemoryFile);
    CHECK_FALSE(has_nothing(scratch.path()));
  }
  CHECK(has_nothing(scratch.path()));
}

TEST_CASE("a file is created once") {
  const ScratchDirectory scratch;
  const NewSnapshotDirectory directory(scratch.path() / "s");
  directory.create(kStateFile);
  CHECK(error_of([&] { directory.create(kStateFile); }).kind() == ErrorKind::already_exists);
}

TEST_CASE("who commits second finds the target taken, and cleans up") {
  const ScratchDirectory scratch;
  const auto target = scratch.path() / "s";
  {
    NewSnapshotDirectory slow(target);
    make_snapshot(target);
    CHECK(error_of([&] { slow.commit(); }).kind() == ErrorKind::already_exists);
  }
  CHECK_NOTHROW(check_snapshot_directory(target));
  CHECK(std::distance(std::filesystem::directory_iterator(scratch.path()), {}) == 1);
}

TEST_CASE("a snapshot is its owner's alone, whatever the umask allows") {
  const ScratchDirectory scratch;
  const mode_t before = ::umask(0);
  make_snapshot(scratch.path() / "s");
  ::umask(before);
  const auto mode_of = [](const std::filesystem::path& path) {
    return static_cast<unsigned>(std::filesystem::status(path).permissions());
  };
  CHECK(mode_of(scratch.path() / "s") == 0700);
  for (const std::string_view name : kSnapshotFiles) {
    CHECK(mode_of(scratch.path() / "s" / name) == 0600);
  }
}

TEST_CASE("a file system without an exclusive rename has snapshots, whole or not at all") {
  const ScratchDirectory scratch;
  const BoundDirectory bound(scratch.path());
  const auto target = bound.path() / "s";
  make_snapshot(target);
  CHECK_NOTHROW(check_snapshot_directory(target));
  SECTION("a target that exists is left alone") {
    CHECK(error_of([&] { NewSnapshotDirectory again(target); }).kind() ==
          ErrorKind::already_exists);
  }
  SECTION("the second of two writers finds the target taken") {
    const auto other = bound.path() / "t";
    NewSnapshotDirectory slow(other);
    make_snapshot(other);
    CHECK(error_of([&] { slow.commit(); }).kind() == ErrorKind::already_exists);
    CHECK_NOTHROW(check_snapshot_directory(other));
  }
  SECTION("without a commit nothing is left") {
    { NewSnapshotDirectory unused(bound.path() / "t"); }
    CHECK(std::distance(std::filesystem::directory_iterator(bound.path()), {}) == 1);
  }
}

TEST_CASE("an empty path is no target") {
  CHECK(error_of([] { NewSnapshotDirectory(""); }).kind() == ErrorKind::invalid_argument);
}

TEST_CASE("removal takes the snapshot's files and the directory") {
  const ScratchDirectory scratch;
  make_snapshot(scratch.path() / "s");
  remove_snapshot_directory(scratch.path() / "s");
  CHECK(has_nothing(scratch.path()));
}

TEST_CASE("a removal that was interrupted can be repeated") {
  const ScratchDirectory scratch;
  make_snapshot(scratch.path() / "s");
  std::filesystem::remove(scratch.path() / "s" / kManifestFile);
  remove_snapshot_directory(scratch.path() / "s");
  CHECK(has_nothing(scratch.path()));
}

TEST_CASE("names that no snapshot has are ignored, and told") {
  const ScratchDirectory scratch;
  const auto directory = scratch.path() / "s";
  make_snapshot(directory);
  CHECK(foreign_names(directory).empty());
  std::ofstream(directory / ".nfs000000000001") << "x";
  std::filesystem::create_directory(directory / "lost+found");
  CHECK_NOTHROW(check_snapshot_directory(directory));
  CHECK(foreign_names(directory) == std::vector<std::string>{".nfs000000000001", "lost+found"});
}

TEST_CASE("removal leaves what is not the snapshot's, and says so") {
  const ScratchDirectory scratch;
  const auto directory = scratch.path() / "s";
  make_snapshot(directory);
  std::ofstream(directory / "notes") << "x";
  std::filesystem::remove(directory / kReapSetFile);
  std::filesystem::create_directory(directory / kReapSetFile);
  const std::vector<std::string> left{"notes", "reap-set"};
  CHECK(remove_snapshot_directory(directory) == left);
  CHECK(foreign_names(directory) == left);
  CHECK_FALSE(std::filesystem::exists(directory / kMemoryFile));
}

TEST_CASE("nothing is removed from a directory of something else that has a file of such a name") {
  const ScratchDirectory scratch;
  const auto directory = scratch.path() / "s";
  make_snapshot(directory);
  std::filesystem::remove(directory / kManifestFile);
  std::ofstream(directory / "notes") << "x";
  const Error error = error_of([&] { remove_snapshot_directory(directory); });
  CHECK(error.kind() == ErrorKind::invalid_argument);
  CHECK(error.path() == directory / "notes");
  CHECK(std::filesystem::exists(directory / kMemoryFile));
}

TEST_CASE("an empty directory, a link and a file are no snapshot to remove") {
  const ScratchDirectory scratch;
  std::filesystem::create_directory(scratch.path() / "empty");
  make_snapshot(scratch.path() / "s");
  std::filesystem::create_directory_symlink(scratch.path() / "s", scratch.path() / "link");
  std::ofstream(scratch.path() / "file") << "x";
  for (const char* name : {"empty", "link", "file"}) {
    CHECK(error_of([&] { remove_snapshot_directory(scratch.path() / name); }).kind() ==
          ErrorKind::invalid_argument);
  }
  CHECK(error_of([&] { remove_snapshot_directory(scratch.path() / "none"); }).kind() ==
        ErrorKind::not_found);
  CHECK_NOTHROW(check_snapshot_directory(scratch.path() / "s"));
}

TEST_CASE("a file is shared by a link where that can be had") {
  const ScratchDirectory scratch;
  const auto source = scratch.path() / "memory";
  base::write_new_file(source, test::bytes_of("image"));
  const auto fd = base::open_regular(source);
  const auto target = scratch.path() / "s";
  {
    NewSnapshotDirectory directory(target);
    directory.share(kMemoryFile, fd, source);
    directory.commit();
  }
  CHECK(std::filesystem::hard_link_count(source) == 2);
  CHECK(std::filesystem::equivalent(source, target / kMemoryFile));
}

TEST_CASE("a file that has lost its last name is copied") {
  const ScratchDirectory scratch;
  const auto source = scratch.path() / "memory";
  base::write_new_file(source, test::bytes_of("image"));
  const auto fd = base::open_regular(source);
  std::filesystem::remove(source);
  NewSnapshotDirectory directory(scratch.path() / "s");
  directory.share(kMemoryFile, fd, source);
  directory.commit();
  CHECK(test::text_of(base::read_file(scratch.path() / "s" / kMemoryFile, 1_KiB)) == "image");
}

TEST_CASE("a file of another file system is copied") {
  const ScratchDirectory scratch;
  const auto fd = base::open_file("/dev/shm", O_RDWR | O_TMPFILE);
  base::write_exact(fd, test::bytes_of("image"), 0, "/dev/shm");
  NewSnapshotDirectory directory(scratch.path() / "s");
  directory.share(kMemoryFile, fd, "/dev/shm");
  directory.commit();
  CHECK(test::text_of(base::read_file(scratch.path() / "s" / kMemoryFile, 1_KiB)) == "image");
}

}  // namespace
}  // namespace faasnap::format
