// SPDX-License-Identifier: Apache-2.0

#include "format/snapshot_directory.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <catch2/catch_test_macros.hpp>
#include <fstream>

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

TEST_CASE("removal leaves everything as it is when it finds anything else") {
  const ScratchDirectory scratch;
  const auto directory = scratch.path() / "s";
  make_snapshot(directory);
  SECTION("a file") { std::ofstream(directory / "notes") << "x"; }
  SECTION("a directory of a snapshot file's name") {
    std::filesystem::remove(directory / kMemoryFile);
    std::filesystem::create_directory(directory / kMemoryFile);
  }
  const Error error = error_of([&] { remove_snapshot_directory(directory); });
  CHECK(error.kind() == ErrorKind::invalid_argument);
  CHECK(std::filesystem::exists(directory / kManifestFile));
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
