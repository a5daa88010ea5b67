// SPDX-License-Identifier: Apache-2.0

#include "snapshot/snapshot_writer.h"

#include <sys/mount.h>

#include <algorithm>
#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <fstream>
#include <thread>

#include "snapshot/snapshot_fixture.h"

namespace faasnap {
namespace {

using test::error_of;
using test::read_all;
using test::replace_content;
using test::ScratchDirectory;
using test::SyntheticGuest;

std::size_t entries_in(const std::filesystem::path& directory) {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(directory),
                                                std::filesystem::directory_iterator()));
}

// A tmpfs of a few pages, for as long as the object lives.
class TinyFileSystem {
 public:
  TinyFileSystem(std::filesystem::path point, const char* options) : point_(std::move(point)) {
    std::filesystem::create_directory(point_);
    mounted_ = ::mount("faasnap-test", point_.c_str(), "tmpfs", 0, options) == 0;
  }
  ~TinyFileSystem() {
    if (mounted_) {
      ::umount2(point_.c_str(), MNT_DETACH);
    }
  }
  TinyFileSystem(const TinyFileSystem&) = delete;
  TinyFileSystem& operator=(const TinyFileSystem&) = delete;

  bool mounted() const { return mounted_; }
  const std::filesystem::path& path() const { return point_; }

 private:
  std::filesystem::path point_;
  bool mounted_;
};

TEST_CASE("a full file system ends in no_space and leaves nothing behind") {
  const ScratchDirectory scratch;
  // The room grows from none for the image to enough for all but the last files.
  const char* options = GENERATE("size=8k", "size=64k", "size=80k", "size=120k", "size=124k");
  const TinyFileSystem tiny(scratch.path() / "tiny", options);
  if (!tiny.mounted()) {
    SKIP("mounting a tmpfs needs root");
  }
  const auto error = error_of([&] { SyntheticGuest().save(tiny.path() / "s"); });
  CHECK(error.kind() == ErrorKind::no_space);
  CHECK(entries_in(tiny.path()) == 0);
}

TEST_CASE("a snapshot that is cancelled on the way leaves nothing behind") {
  const ScratchDirectory scratch;
  const int steps = GENERATE(0, 1, 3);
  int seen = 0;
  const auto progress = [&](Bytes, Bytes) { return seen++ < steps; };
  const auto error = error_of([&] { SyntheticGuest().save(scratch.path() / "s", true, progress); });
  CHECK(error.kind() == ErrorKind::cancelled);
  CHECK(entries_in(scratch.path()) == 0);
}

TEST_CASE("of several creators of one target exactly one wins") {
  const ScratchDirectory scratch;
  const SyntheticGuest guest;
  for (int round = 0; round < 10; ++round) {
    const auto target = scratch.path() / std::to_string(round);
    std::atomic<int> won = 0;
    std::atomic<int> lost = 0;
    std::vector<std::thread> creators;
    for (int i = 0; i < 4; ++i) {
      creators.emplace_back([&] {
        try {
          guest.save(target);
          ++won;
        } catch (const Error& error) {
          lost += error.kind() == ErrorKind::already_exists;
        }
      });
    }
    for (std::thread& creator : creators) {
      creator.join();
    }
    CHECK(won == 1);
    CHECK(lost == 3);
    CHECK_NOTHROW(Snapshot::open(target).verify());
  }
  CHECK(entries_in(scratch.path()) == 10);
}

TEST_CASE("whatever is at the target stays as it is") {
  const ScratchDirectory scratch;
  const auto target = scratch.path() / "s";
  SECTION("a file") { std::ofstream(target) << "precious"; }
  SECTION("an empty directory") { std::filesystem::create_directory(target); }
  SECTION("a dangling link") { std::filesystem::create_symlink("nowhere", target); }
  const auto error = error_of([&] { SyntheticGuest().save(target); });
  CHECK(error.kind() == ErrorKind::already_exists);
  CHECK(std::filesystem::symlink_status(target).type() != std::filesystem::file_type::not_found);
  CHECK(entries_in(scratch.path()) == 1);
}

TEST_CASE("a target in a directory that does not exist is not_found") {
  const ScratchDirectory scratch;
  const auto error = error_of([&] { SyntheticGuest().save(scratch.path() / "no" / "s"); });
  CHECK(error.kind() == ErrorKind::not_found);
}

TEST_CASE("a slash at the end of the target means the same") {
  const ScratchDirectory scratch;
  SyntheticGuest().save(scratch.path() / "s" / "");
  CHECK_NOTHROW(Snapshot::open(scratch.path() / "s"));
}

TEST_CASE("two snapshots of one guest have ids of their own") {
  const ScratchDirectory scratch;
  const SyntheticGuest guest;
  CHECK(guest.save(scratch.path() / "a").info().id != guest.save(scratch.path() / "b").info().id);
}

TEST_CASE("taking a snapshot touches no page of the guest that was untouched") {
  const ScratchDirectory scratch;
  const SyntheticGuest guest;
  const auto before = memory::touched_pages(guest.memory());
  guest.save(scratch.path() / "s");
  CHECK(memory::touched_pages(guest.memory()) == before);
}

// Has the pages 1 and 3 of its disks, and page 0 of them is zero.
Snapshot save_with_disks(const SyntheticGuest& guest, const std::filesystem::path& path) {
  SnapshotContents contents;
  contents.vcpus = 1;
  contents.memory = {guest.memory().size()};
  contents.disks = {5 * kPageSize};
  contents.capture = [&](const CaptureFiles& files, const Progress&) {
    CapturedMachine machine{
        .image = format::write_memory_image(files.image, files.image_path, guest.memory(),
                                            memory::touched_pages(guest.memory()))};
    const std::vector<PageRange> candidates{{{0}, 2}, {{3}, 1}};
    std::vector<std::byte> content(2 * kPageSize);
    machine.disks = format::write_image(
        files.disks, files.disks_path, contents.disks, candidates, [&](PageRange pages) {
          std::ranges::fill(content, std::byte{0});
          content[(pages.count - 1) * kPageSize] = std::byte{0x17};
          return std::span<const std::byte>(content).first(pages.size().value);
        });
    return machine;
  };
  return create_snapshot(path, contents);
}

TEST_CASE("a snapshot keeps the content of disks, and what is made of it does as well") {
  const ScratchDirectory scratch;
  const SyntheticGuest guest;
  const Snapshot saved = save_with_disks(guest, scratch.path() / "s");
  CHECK(saved.info().disks == Bytes{5 * kPageSize});
  const WorkingSet recorded = guest.working_set();
  saved.derive(scratch.path() / "derived", {.working_set = &recorded});
  guest.save(scratch.path() / "base", false);
  const Snapshot base = Snapshot::open(scratch.path() / "base");
  saved.rebase(scratch.path() / "layer", &base);
  for (const char* name : {"s", "derived", "layer"}) {
    INFO(name);
    const Snapshot snapshot = Snapshot::open(scratch.path() / name);
    const format::ImageTable* const disks = opened(snapshot).disks();
    REQUIRE(disks != nullptr);
    CHECK(disks->stored == std::vector<PageRange>{{{1}, 1}, {{3}, 1}});
    snapshot.verify();
    CHECK(read_all(scratch.path() / name / "disks").at(3 * kPageSize) == std::byte{0x17});
  }
  CHECK(opened(base).disks() == nullptr);
}

TEST_CASE("verifying finds what has become of the disks") {
  const ScratchDirectory scratch;
  const SyntheticGuest guest;
  const auto file = scratch.path() / "s" / "disks";
  save_with_disks(guest, scratch.path() / "s");
  auto content = read_all(file);
  SECTION("a changed byte") { content[kPageSize + 1] = std::byte{1}; }
  SECTION("data where the table has none") { content[4 * kPageSize] = std::byte{1}; }
  replace_content(file, content);
  const Snapshot damaged = Snapshot::open(scratch.path() / "s");
  const Error error = error_of([&] { damaged.verify(); });
  CHECK(error.kind() == ErrorKind::corrupt);
  CHECK(error.path() == file);
}

TEST_CASE("opening refuses disks that are not the snapshot's") {
  const ScratchDirectory scratch;
  const SyntheticGuest guest;
  const auto file = scratch.path() / "s" / "disks";
  save_with_disks(guest, scratch.path() / "s");
  save_with_disks(guest, scratch.path() / "other");
  auto content = read_all(file);
  SECTION("those of another snapshot") { content = read_all(scratch.path() / "other" / "disks"); }
  SECTION("a shorter file") { content.resize(content.size() - kPageSize); }
  SECTION("none") { content.clear(); }
  std::filesystem::remove(file);
  if (!content.empty()) {
    replace_content(file, content);
  }
  CHECK(error_of([&] { Snapshot::open(scratch.path() / "s"); }).kind() == ErrorKind::corrupt);
}

TEST_CASE("contents that do not fit together are refused") {
  const ScratchDirectory scratch;
  const SyntheticGuest guest;
  SnapshotContents contents;
  contents.vcpus = 1;
  contents.capture = capture_bytes(guest.memory(), {});
  contents.memory = {guest.memory().size()};
  const WorkingSet foreign("id", {2 * kPageSize}, {});
  const format::Section twin{std::string(format::kMemorySection), 1, {}};
  SECTION("a working set of another size of memory") { contents.working_set = &foreign; }
  SECTION("memory that is no number of pages") { contents.memory = {kPageSize + 1}; }
  SECTION("no memory") { contents.memory = {}; }
  SECTION("a section with the name of the image's own") {
    contents.capture = capture_bytes(guest.memory(), {}, {twin});
  }
  SECTION("a label of two lines") { contents.labels = {{"a", "b\nstate.bytes = 1"}}; }
  SECTION("a label with a name that is none") { contents.labels = {{"A b", "c"}}; }
  const auto error = error_of([&] { create_snapshot(scratch.path() / "s", contents); });
  CHECK(error.kind() == ErrorKind::invalid_argument);
  CHECK(entries_in(scratch.path()) == 0);
}

}  // namespace
}  // namespace faasnap
