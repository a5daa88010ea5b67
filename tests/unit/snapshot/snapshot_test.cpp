// SPDX-License-Identifier: Apache-2.0

#include <faasnap/snapshot.h>

#include <fmt/format.h>
#include <sys/vfs.h>

#include <catch2/catch_test_macros.hpp>
#include <fstream>
#include <string>

#include "base/checksum.h"
#include "snapshot/image_identity.h"
#include "snapshot/opened_snapshot.h"
#include "snapshot/snapshot_fixture.h"

namespace faasnap {
namespace {

using test::error_of;
using test::ScratchDirectory;
using test::SyntheticGuest;

bool keeps_files_in_memory(const std::filesystem::path& path) {
  constexpr long kTmpfs = 0x01021994;
  struct statfs status {};
  return ::statfs(path.c_str(), &status) == 0 && status.f_type == kTmpfs;
}

TEST_CASE("a snapshot says after opening what it was made of") {
  const ScratchDirectory scratch;
  const SyntheticGuest guest;
  guest.save(scratch.path() / "s");
  const Snapshot snapshot = Snapshot::open(scratch.path() / "s");
  const SnapshotInfo& info = snapshot.info();
  CHECK(info.format_version == 5);
  CHECK(info.id.size() == 32);
  CHECK(info.created > Nanoseconds(0));
  CHECK(info.memory == Bytes{SyntheticGuest::kPages * kPageSize});
  CHECK(info.vcpus == 2);
  CHECK(info.labels == std::map<std::string, std::string>{{"function", "json"}});
  CHECK(info.nonzero_pages == 17);
  CHECK(info.working_set_pages == 14);
  CHECK(snapshot.directory() == scratch.path() / "s");
  CHECK_NOTHROW(snapshot.verify());
}

TEST_CASE("an opened snapshot hands out its sections, image and loading set") {
  const ScratchDirectory scratch;
  const SyntheticGuest guest;
  const Snapshot snapshot = guest.save(scratch.path() / "s");
  const OpenedSnapshot& impl = opened(snapshot);
  CHECK(impl.section("vcpu0", 3).bytes == std::vector<std::byte>(100, std::byte{1}));
  CHECK(error_of([&] { impl.section("vcpu0", 4); }).kind() == ErrorKind::version);
  CHECK(error_of([&] { impl.section("vcpu1", 3); }).kind() == ErrorKind::corrupt);
  CHECK(std::ranges::equal(impl.image_table().stored, SyntheticGuest::kData));
  std::vector<std::byte> image(guest.memory().size());
  base::read_exact(impl.fd_of(format::kMemoryFile), image, 0, "memory");
  CHECK(std::ranges::equal(image, guest.memory()));
  REQUIRE(impl.loading_set() != nullptr);
  for (const format::StoredPageRun& region : impl.loading_set()->regions) {
    std::vector<std::byte> data(region.guest.size().value);
    base::read_exact(impl.fd_of(format::kLoadingSetFile), data, region.file_offset.value,
                     "loading-set");
    CHECK(std::ranges::equal(
        data, guest.memory().subspan(region.guest.first.offset().value, data.size())));
  }
}

TEST_CASE("the working set comes back as it was recorded") {
  const ScratchDirectory scratch;
  const SyntheticGuest guest;
  const Snapshot snapshot = guest.save(scratch.path() / "s");
  const auto working_set = snapshot.working_set();
  REQUIRE(working_set.has_value());
  CHECK(working_set->groups() == guest.working_set().groups());
  CHECK(working_set->snapshot_id() == "recorded-from-1");
  CHECK(working_set->recorder() == Recorder::mincore);
  CHECK_FALSE(snapshot.working_set(Recorder::userfaultfd).has_value());
}

TEST_CASE("without a working set there is no loading set to plan with") {
  const ScratchDirectory scratch;
  const Snapshot snapshot = SyntheticGuest().save(scratch.path() / "s", false);
  CHECK_FALSE(snapshot.working_set().has_value());
  CHECK(opened(snapshot).loading_set() == nullptr);
  CHECK(error_of([&] { snapshot.plan(Setting::faasnap); }).kind() == ErrorKind::not_found);
  CHECK(snapshot.plan(Setting::lazy).mappings.size() == 1);
  CHECK_NOTHROW(snapshot.verify());
}

TEST_CASE("a number that is not a setting has no plan") {
  const ScratchDirectory scratch;
  const Snapshot snapshot = SyntheticGuest().save(scratch.path() / "s");
  CHECK(error_of([&] { snapshot.plan(static_cast<Setting>(99)); }).kind() ==
        ErrorKind::invalid_argument);
}

TEST_CASE("the faasnap plan reads the loading set in file order") {
  const ScratchDirectory scratch;
  const Snapshot snapshot = SyntheticGuest().save(scratch.path() / "s");
  const RestorePlan plan = snapshot.plan(Setting::faasnap);
  Bytes next = opened(snapshot).loading_set()->data_offset;
  for (const PlannedRead& read : plan.reads()) {
    CHECK(read.file_offset == next);
    next += read.guest.size();
  }
  CHECK(next == opened(snapshot).loading_set()->file_size);
}

TEST_CASE("dropping the caches leaves no page of the snapshot in memory") {
  const ScratchDirectory scratch;
  if (keeps_files_in_memory(scratch.path())) {
    SKIP("the temporary directory is a tmpfs, whose pages cannot be dropped");
  }
  const Snapshot snapshot = SyntheticGuest().save(scratch.path() / "s");
  CHECK(snapshot.drop_caches() == 0);
  CHECK(snapshot.cached_pages() == 0);
  std::vector<std::byte> page(kPageSize);
  base::read_exact(opened(snapshot).fd_of(format::kMemoryFile), page, 3 * kPageSize, "memory");
  CHECK(snapshot.cached_pages() > 0);
}

TEST_CASE("an open snapshot outlives its directory") {
  const ScratchDirectory scratch;
  const Snapshot snapshot = SyntheticGuest().save(scratch.path() / "s");
  Snapshot::remove(scratch.path() / "s");
  CHECK_FALSE(std::filesystem::exists(scratch.path() / "s"));
  CHECK_NOTHROW(snapshot.verify());
  CHECK(snapshot.working_set().has_value());
}

TEST_CASE("verification stops when its progress callback says so") {
  const ScratchDirectory scratch;
  const Snapshot snapshot = SyntheticGuest().save(scratch.path() / "s");
  const auto error = error_of([&] { snapshot.verify([](Bytes, Bytes) { return false; }); });
  CHECK(error.kind() == ErrorKind::cancelled);
}

TEST_CASE("the progress of verification never runs backwards and ends at its total") {
  const ScratchDirectory scratch;
  const Snapshot snapshot = SyntheticGuest().save(scratch.path() / "s");
  Bytes last;
  Bytes end;
  snapshot.verify([&](Bytes done, Bytes total) {
    CHECK(done >= last);
    last = done;
    end = total;
    return true;
  });
  CHECK(last == end);
}

// A snapshot that names the image root.img beside it.
struct WithImage {
  WithImage() {
    std::ofstream(image) << "a root file system";
    const SyntheticGuest guest;
    const auto candidates = memory::touched_pages(guest.memory());
    SnapshotContents contents;
    contents.capture = capture_bytes(guest.memory(), candidates);
    contents.memory = {guest.memory().size()};
    contents.vcpus = 1;
    contents.root_image = identify_file(image);
    create_snapshot(directory, contents);
  }

  ScratchDirectory scratch;
  std::filesystem::path directory = scratch.path() / "s";
  std::filesystem::path image = scratch.path() / "root.img";
};

TEST_CASE("verification notices a root image that has changed since") {
  const WithImage files;
  const Snapshot snapshot = Snapshot::open(files.directory);
  CHECK_NOTHROW(snapshot.verify());

  std::ofstream(files.image) << "a root file sYstem";
  const auto changed = error_of([&] { snapshot.verify(); });
  CHECK(changed.kind() == ErrorKind::corrupt);
  CHECK(changed.path() == snapshot.info().root_image.path);
  CHECK(error_of([&] { Snapshot::upgrade(files.directory); }).kind() == ErrorKind::corrupt);
  std::filesystem::remove(files.image);
  CHECK(error_of([&] { snapshot.verify(); }).kind() == ErrorKind::not_found);
}

TEST_CASE("an upgrade takes an image as it is now, if its content is the same") {
  const WithImage files;
  const FileIdentity before = Snapshot::open(files.directory).info().root_image;
  const auto copy = files.scratch.path() / "copy";
  std::filesystem::copy_file(files.image, copy);
  std::filesystem::rename(copy, files.image);
  const Snapshot upgraded = Snapshot::upgrade(files.directory);
  const FileIdentity& after = upgraded.info().root_image;
  CHECK(after.inode != before.inode);
  CHECK(after.modified != before.modified);
  CHECK(after.checksum == before.checksum);
  CHECK(upgraded.foreign_names().empty());
}

TEST_CASE("a snapshot of the version before can be opened, and upgraded") {
  const ScratchDirectory scratch;
  const auto directory = scratch.path() / "s";
  SyntheticGuest().save(directory);
  std::string text = test::text_of(test::read_all(directory / "manifest"));
  text.replace(text.find("snapshot 5"), 10, "snapshot 2");
  text.resize(text.rfind("crc32c = "));
  text += fmt::format("crc32c = {:08x}\n", base::crc32c(test::bytes_of(text)));
  test::replace_content(directory / "manifest", test::bytes_of(text));
  CHECK(Snapshot::open(directory).info().format_version == 2);
  CHECK(Snapshot::upgrade(directory).info().format_version == 5);
  CHECK(Snapshot::open(directory).info().format_version == 5);
}

TEST_CASE("opening what does not exist is not_found, and what is no directory invalid") {
  const ScratchDirectory scratch;
  CHECK(error_of([&] { Snapshot::open(scratch.path() / "none"); }).kind() == ErrorKind::not_found);
  std::ofstream(scratch.path() / "file") << "x";
  CHECK(error_of([&] { Snapshot::open(scratch.path() / "file"); }).kind() ==
        ErrorKind::invalid_argument);
}

}  // namespace
}  // namespace faasnap
