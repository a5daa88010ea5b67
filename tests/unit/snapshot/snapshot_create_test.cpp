// SPDX-License-Identifier: Apache-2.0

#include <fcntl.h>
#include <sys/stat.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <cstdlib>
#include <memory>

#include <faasnap/snapshot.h>

#include "memory/page_set.h"
#include "snapshot/opened_snapshot.h"
#include "snapshot/snapshot_fixture.h"

// Snapshots of memory alone, and snapshots made from others.
namespace faasnap {
namespace {

using test::error_of;
using test::ScratchDirectory;
using test::SyntheticGuest;

bool says(const Error& error, std::string_view words) {
  return std::string_view(error.what()).find(words) != std::string_view::npos;
}

TEST_CASE("memory alone makes a snapshot with an image and no machine") {
  const ScratchDirectory scratch;
  const SyntheticGuest guest;
  const WorkingSet touched = guest.touched_set("elsewhere");
  const Snapshot snapshot =
      Snapshot::create(scratch.path() / "s", guest.memory(),
                       {.working_set = &touched, .labels = {{"function", "trace"}}});
  CHECK(snapshot.info().vcpus == 0);
  CHECK(snapshot.info().memory == Bytes{guest.memory().size()});
  CHECK(snapshot.info().labels.at("function") == "trace");
  CHECK(std::ranges::equal(opened(snapshot).image_table().stored, SyntheticGuest::kData));
  CHECK(snapshot.info().touched_pages == 8);
  const RestorePlan plan = snapshot.plan(Setting::stream);
  CHECK(std::ranges::equal(plan.zero_pages(), std::vector<PageRange>{{{501}, 2}}));
  CHECK_NOTHROW(snapshot.verify());
}

TEST_CASE("memory that is no number of pages makes no snapshot") {
  const ScratchDirectory scratch;
  const std::vector<std::byte> memory(kPageSize + 1);
  CHECK(error_of([&] { Snapshot::create(scratch.path() / "s", memory); }).kind() ==
        ErrorKind::invalid_argument);
  CHECK(std::filesystem::is_empty(scratch.path()));
}

TEST_CASE("writing a snapshot tells how far each file is") {
  const ScratchDirectory scratch;
  const SyntheticGuest guest;
  Bytes last_done;
  Bytes last_total;
  Snapshot::create(scratch.path() / "s", guest.memory(), {.progress = [&](Bytes done, Bytes total) {
                     last_done = done;
                     last_total = total;
                     return true;
                   }});
  CHECK(last_done == last_total);
  CHECK(last_total > Bytes{0});
}

TEST_CASE("a snapshot that is stopped while it is written is cancelled, and leaves nothing") {
  const ScratchDirectory scratch;
  const SyntheticGuest guest;
  const Snapshot base = guest.save(scratch.path() / "base");
  const WorkingSet touched = guest.touched_set(base.info().id);
  const Progress stop = [](Bytes, Bytes) { return false; };
  const auto path = scratch.path() / "s";
  CHECK(test::kind_of([&] { Snapshot::create(path, guest.memory(), {.progress = stop}); }) ==
        ErrorKind::cancelled);
  CHECK(test::kind_of([&] { base.derive(path, {.working_set = &touched, .progress = stop}); }) ==
        ErrorKind::cancelled);
  CHECK(std::distance(std::filesystem::directory_iterator(scratch.path()),
                      std::filesystem::directory_iterator()) == 1);
}

TEST_CASE("a snapshot derived with touches has both recordings and all that is made from them") {
  const ScratchDirectory scratch;
  const SyntheticGuest guest;
  const Snapshot base = guest.save(scratch.path() / "base");
  const WorkingSet touched = guest.touched_set(base.info().id);
  const Snapshot derived =
      base.derive(scratch.path() / "s",
                  {.working_set = &touched, .labels = {{"function", "other"}, {"b", "c"}}});
  const SnapshotInfo& info = derived.info();
  CHECK(info.id == base.info().id);
  CHECK(info.created == base.info().created);
  CHECK(info.vcpus == 2);
  CHECK(info.labels == std::map<std::string, std::string>{{"function", "other"}, {"b", "c"}});
  CHECK(info.working_set_pages == 14);
  CHECK(info.touched_pages == 8);
  CHECK(info.stream_set_pages == 6);
  CHECK(info.stream_set_zero_pages == 2);
  CHECK(derived.working_set(Recorder::mincore)->groups() == guest.working_set().groups());
  CHECK(derived.working_set(Recorder::userfaultfd)->accesses() == guest.accesses());
  CHECK(std::ranges::equal(opened(derived).section("vcpu0", 3).bytes,
                           opened(base).section("vcpu0", 3).bytes));
  CHECK_NOTHROW(derived.verify());
}

TEST_CASE("pages that were missed are in what stream installs, and not in what REAP does") {
  const ScratchDirectory scratch;
  const SyntheticGuest guest;
  const Snapshot base = guest.save(scratch.path() / "base");
  auto accesses = guest.accesses();
  accesses.back().missed = true;
  const auto touched = WorkingSet::from_accesses(base.info().id, base.info().memory, accesses);
  const Snapshot derived = base.derive(scratch.path() / "s", {.working_set = &touched});
  CHECK(derived.info().touched_pages == accesses.size());
  const auto pages = [](const RestorePlan& plan) {
    std::uint64_t count = memory::count_pages(plan.zero_pages());
    for (const PlannedRead& read : plan.reads()) {
      count += read.guest.count;
    }
    return count;
  };
  CHECK(pages(derived.plan(Setting::reap)) == accesses.size() - 1);
  CHECK(pages(derived.plan(Setting::stream)) == accesses.size());
}

TEST_CASE("a derived snapshot shares the image's file, and outlives the other") {
  const ScratchDirectory scratch;
  const SyntheticGuest guest;
  const Snapshot base = guest.save(scratch.path() / "base");
  const Snapshot derived = base.derive(scratch.path() / "s", {});
  CHECK(std::filesystem::equivalent(scratch.path() / "base" / "memory",
                                    scratch.path() / "s" / "memory"));
  Snapshot::remove(scratch.path() / "base");
  CHECK_NOTHROW(Snapshot::open(scratch.path() / "s").verify());
}

TEST_CASE("a snapshot whose directory is gone can still be derived from") {
  const ScratchDirectory scratch;
  const Snapshot base = SyntheticGuest().save(scratch.path() / "base");
  Snapshot::remove(scratch.path() / "base");
  const Snapshot derived = base.derive(scratch.path() / "s", {});
  CHECK_NOTHROW(derived.verify());
  CHECK(derived.info().id == base.info().id);
  struct stat status {};
  REQUIRE(::stat((scratch.path() / "s" / "memory").c_str(), &status) == 0);
  CHECK(status.st_blocks * 512 < status.st_size / 4);
}

TEST_CASE("deriving replaces the recording of the same recorder and keeps the other") {
  const ScratchDirectory scratch;
  const SyntheticGuest guest;
  const Snapshot whole = guest.save_whole(scratch.path() / "whole");
  const WorkingSet recorded("another", whole.info().memory, {{{{400}, 1}}});
  const Snapshot derived = whole.derive(scratch.path() / "s", {.working_set = &recorded});
  CHECK(derived.working_set(Recorder::mincore)->snapshot_id() == "another");
  CHECK(derived.info().loading_set_pages == 1);
  CHECK(derived.working_set(Recorder::userfaultfd)->accesses() == guest.accesses());
  CHECK(derived.info().stream_set_pages == 6);
}

TEST_CASE("deriving makes the loading set anew with the thresholds that are asked for") {
  const ScratchDirectory scratch;
  const Snapshot whole = SyntheticGuest().save_whole(scratch.path() / "whole");
  const Snapshot wide = whole.derive(scratch.path() / "wide", {.thresholds = {1000, 0}});
  const Snapshot none = whole.derive(scratch.path() / "none", {.thresholds = {0, 0}});
  CHECK(wide.info().loading_set_regions == 1);
  CHECK(none.info().loading_set_regions > 1);
  CHECK(none.info().loading_set_pages < wide.info().loading_set_pages);
  CHECK(wide.info().thresholds.merge_gap_pages == 1000);
}

TEST_CASE("a compressed stream set has the same plan, and stays so when snapshots are derived") {
  const ScratchDirectory scratch;
  const SyntheticGuest guest;
  const Snapshot plain = guest.save_whole(scratch.path() / "plain");
  CHECK(plain.stream_set()->compression == Compression::none);
  CHECK(plain.stream_set()->stored == plain.stream_set()->content);
  const Snapshot packed =
      plain.derive(scratch.path() / "packed", {.compression = Compression::lz4});
  CHECK(packed.stream_set()->compression == Compression::lz4);
  CHECK(packed.stream_set()->content == plain.stream_set()->content);
  CHECK(packed.stream_set()->stored == Bytes{kPageSize});
  CHECK(packed.info().stream_set_pages == 6);
  CHECK(packed.info().stream_set_zero_pages == 2);
  CHECK_NOTHROW(packed.verify());
  const auto guests = [](const RestorePlan& plan) {
    std::vector<PageRange> pages;
    for (const PlannedRead& read : plan.reads()) {
      pages.push_back(read.guest);
    }
    return pages;
  };
  CHECK(guests(packed.plan(Setting::stream)) == guests(plain.plan(Setting::stream)));
  for (const char* file : {"loading-set", "reap-set"}) {
    CHECK(test::read_all(scratch.path() / "packed" / file) ==
          test::read_all(scratch.path() / "plain" / file));
  }
  const auto compression_of = [&](const char* name, const SnapshotOptions& options) {
    return packed.derive(scratch.path() / name, options).stream_set()->compression;
  };
  CHECK(compression_of("same", {}) == Compression::lz4);
  CHECK(compression_of("other", {.compression = Compression::none}) == Compression::none);
  const Snapshot base = SyntheticGuest(2).save(scratch.path() / "base");
  const Snapshot layer = packed.rebase(scratch.path() / "layer", &base);
  CHECK(layer.stream_set()->compression == Compression::lz4);
  CHECK_NOTHROW(layer.verify());
  CHECK_NOTHROW(Snapshot::upgrade(scratch.path() / "packed"));
  CHECK_FALSE(base.stream_set());
}

TEST_CASE("a damaged block of a stream set is found by verification, and named") {
  const ScratchDirectory scratch;
  const Snapshot whole = SyntheticGuest().save_whole(scratch.path() / "whole");
  whole.derive(scratch.path() / "s", {.compression = Compression::lz4});
  auto bytes = test::read_all(scratch.path() / "s" / "stream-set");
  bytes[kPageSize + 3] ^= std::byte{1};
  test::replace_content(scratch.path() / "s" / "stream-set", bytes);
  const Error error = test::error_of([&] { Snapshot::open(scratch.path() / "s").verify(); });
  CHECK(error.kind() == ErrorKind::corrupt);
  CHECK(std::string(error.what()).find("stream-set: block 0 (at byte 4096)") != std::string::npos);
}

TEST_CASE("without a recording by mincore the loading set is of the touches") {
  const ScratchDirectory scratch;
  const SyntheticGuest guest;
  const Snapshot bare = guest.save(scratch.path() / "bare", false);
  const WorkingSet touched = guest.touched_set(bare.info().id);
  const Snapshot derived = bare.derive(scratch.path() / "s", {.working_set = &touched});
  CHECK(derived.info().working_set_pages == 0);
  CHECK(derived.info().loading_set_pages == 6);
}

TEST_CASE("touches of another snapshot, and recordings of another guest, are refused") {
  const ScratchDirectory scratch;
  const SyntheticGuest guest;
  const Snapshot base = guest.save(scratch.path() / "base");
  const WorkingSet foreign = guest.touched_set("foreign");
  const Error error =
      error_of([&] { base.derive(scratch.path() / "s", {.working_set = &foreign}); });
  CHECK(error.kind() == ErrorKind::invalid_argument);
  CHECK(says(error, "belongs to snapshot 'foreign'"));
  const WorkingSet smaller(base.info().id, {kPageSize}, {});
  CHECK(error_of([&] { base.derive(scratch.path() / "s", {.working_set = &smaller}); }).kind() ==
        ErrorKind::invalid_argument);
  CHECK(error_of([&] { base.derive(scratch.path() / "base", {}); }).kind() ==
        ErrorKind::already_exists);
  CHECK(std::distance(std::filesystem::directory_iterator(scratch.path()),
                      std::filesystem::directory_iterator()) == 1);
}

TEST_CASE("the stream set is exact: what was touched, by group and address, zeros apart") {
  const ScratchDirectory scratch;
  const Snapshot whole = SyntheticGuest().save_whole(scratch.path() / "s");
  const format::PageSetTable& set = *opened(whole).stream_set();
  std::vector<PageRange> regions;
  for (const auto& region : set.regions) {
    regions.push_back(region.guest);
  }
  CHECK(regions == std::vector<PageRange>{{{3}, 2}, {{250}, 2}, {{400}, 1}, {{901}, 1}});
  CHECK(set.zero_runs == std::vector<PageRange>{{{501}, 2}});
}

TEST_CASE("the REAP set has pages of zeros as data, in the order of touches") {
  const ScratchDirectory scratch;
  const Snapshot whole = SyntheticGuest().save_whole(scratch.path() / "s");
  const format::PageSetTable& set = *opened(whole).reap_set();
  REQUIRE(set.regions.size() == 7);
  CHECK(set.regions[0].guest == PageRange{{901}, 1});
  CHECK(set.regions[1].guest == PageRange{{250}, 2});
  CHECK(set.regions[2].guest == PageRange{{501}, 1});
  CHECK(set.pages() == 8);
  std::vector<std::byte> page(kPageSize, std::byte{1});
  base::read_exact(opened(whole).fd_of(format::kReapSetFile), page,
                   set.regions[2].file_offset.value, "reap-set");
  CHECK(page == std::vector<std::byte>(kPageSize));
}

TEST_CASE("the sets can be read to their ends past the page cache") {
  const ScratchDirectory scratch;
  const Snapshot whole = SyntheticGuest().save_whole(scratch.path() / "s");
  const std::string name = GENERATE("memory", "loading-set", "reap-set", "stream-set");
  const auto path = scratch.path() / "s" / name;
  const base::UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECT | O_CLOEXEC));
  if (!fd) {
    SKIP("the temporary directory's file system has no O_DIRECT");
  }
  const std::uint64_t size = base::file_size(fd, path).value;
  CHECK(size % kPageSize == 0);
  constexpr std::size_t kPiece = 512 << 10;
  const std::unique_ptr<void, decltype(&std::free)> buffer(std::aligned_alloc(4096, kPiece),
                                                           &std::free);
  // Reads whole pieces, of which the last one may be shorter.
  std::uint64_t read = 0;
  while (read < size) {
    const auto got = ::pread(fd.get(), buffer.get(), kPiece, static_cast<off_t>(read));
    REQUIRE(got > 0);
    read += static_cast<std::uint64_t>(got);
  }
  CHECK(read == size);
}

}  // namespace
}  // namespace faasnap
