// SPDX-License-Identifier: Apache-2.0

#include <catch2/catch_test_macros.hpp>

#include <faasnap/snapshot.h>

#include "snapshot/opened_snapshot.h"
#include "snapshot/snapshot_files.h"
#include "snapshot/snapshot_fixture.h"

namespace faasnap {
namespace {

using test::error_of;
using test::ScratchDirectory;
using test::SyntheticGuest;

// Checks the bytes of each page that a plan reads, in the files that the snapshot names.
void check_reads(const Snapshot& snapshot, const RestorePlan& plan, const SyntheticGuest& guest) {
  const paging::SnapshotFiles files = files_of(opened(snapshot));
  for (const PlannedRead& read : plan.reads()) {
    const paging::FileRef* file = files.of(read.file);
    REQUIRE(file != nullptr);
    REQUIRE(*file->fd);
    std::vector<std::byte> data(read.guest.size().value);
    base::read_exact(*file->fd, data, read.file_offset.value, file->path);
    const auto expected = guest.memory().subspan(read.guest.first.offset().value, data.size());
    REQUIRE(std::ranges::equal(data, expected));
  }
}

TEST_CASE("a plan of any setting reads from its file what the guest had in memory") {
  const ScratchDirectory scratch;
  const SyntheticGuest guest;
  const Snapshot snapshot = guest.save_whole(scratch.path() / "s");
  for (const Setting setting :
       {Setting::lazy, Setting::cached, Setting::concurrent, Setting::per_region, Setting::faasnap,
        Setting::reap, Setting::stream}) {
    INFO(to_string(setting));
    const RestorePlan plan = snapshot.plan(setting);
    CHECK(plan.reads().empty() == (setting == Setting::lazy || setting == Setting::cached));
    check_reads(snapshot, plan, guest);
  }
}

TEST_CASE("concurrent and per-region take the recording by mincore before that of touches") {
  const ScratchDirectory scratch;
  const SyntheticGuest guest;
  const Snapshot whole = guest.save_whole(scratch.path() / "whole");
  CHECK(whole.plan(Setting::concurrent).reads().front().guest == PageRange{{250}, 5});
  const Snapshot bare = guest.save(scratch.path() / "bare", false);
  const WorkingSet touched = guest.touched_set(bare.info().id);
  const Snapshot derived = bare.derive(scratch.path() / "derived", {.working_set = &touched});
  CHECK(derived.plan(Setting::concurrent).reads().front().guest == PageRange{{3}, 2});
}

TEST_CASE("a setting whose file is not there says which file it needs and what makes it") {
  const ScratchDirectory scratch;
  const Snapshot bare = SyntheticGuest().save(scratch.path() / "s", false);
  const std::pair<Setting, const char*> cases[] = {{Setting::concurrent, "'working-set'"},
                                                   {Setting::per_region, "'touched-set'"},
                                                   {Setting::faasnap, "'loading-set'"},
                                                   {Setting::reap, "'reap-set'"},
                                                   {Setting::stream, "'stream-set'"}};
  for (const auto& [setting, file] : cases) {
    const Error error = error_of([&, wanted = setting] { bare.plan(wanted); });
    CHECK(error.kind() == ErrorKind::not_found);
    for (const std::string word : {to_string(setting), file, "'faasnap record' makes it"}) {
      INFO(error.what() << ": " << word);
      CHECK(std::string_view(error.what()).find(word) != std::string_view::npos);
    }
  }
}

TEST_CASE("what stream lacks is recorded by a plan that is stream's otherwise") {
  const ScratchDirectory scratch;
  const SyntheticGuest guest;
  const Snapshot snapshot = guest.save_whole(scratch.path() / "s");
  const RestorePlan plan =
      opened(snapshot).recording_plan(Setting::stream, AccessRecording::all, false);
  CHECK(plan.handled()->record == AccessRecording::all);
  CHECK(plan.reads().size() == snapshot.plan(Setting::stream).reads().size());
  const RestorePlan streamed = snapshot.plan(Setting::stream);
  CHECK(std::ranges::equal(plan.zero_pages(), streamed.zero_pages()));
  const Error error = error_of(
      [&] { opened(snapshot).recording_plan(Setting::faasnap, AccessRecording::all, false); });
  CHECK(error.kind() == ErrorKind::invalid_argument);
}

TEST_CASE("misses are noted by stream's own plan, prepared or not, and by no other") {
  const ScratchDirectory scratch;
  const SyntheticGuest guest;
  const Snapshot snapshot = guest.save_whole(scratch.path() / "s");
  for (const bool prepared : {false, true}) {
    const RestorePlan plan =
        opened(snapshot).recording_plan(Setting::stream, AccessRecording::misses, prepared);
    CHECK(plan.handled()->record == AccessRecording::misses);
    CHECK(plan.mappings.size() == snapshot.plan(Setting::stream, prepared).mappings.size());
  }
  for (const Setting setting : {Setting::lazy, Setting::reap}) {
    const Error error =
        error_of([&] { opened(snapshot).recording_plan(setting, AccessRecording::misses, false); });
    CHECK(error.kind() == ErrorKind::invalid_argument);
    CHECK(std::string(error.what()).find("'misses' goes with the setting 'stream'") !=
          std::string::npos);
  }
}

TEST_CASE("the plan that records touches needs no recording") {
  const ScratchDirectory scratch;
  const SyntheticGuest guest;
  const Snapshot bare = guest.save(scratch.path() / "s", false);
  const RestorePlan plan = opened(bare).recording_plan(Setting::lazy, AccessRecording::all, false);
  CHECK(plan.handled()->record == AccessRecording::all);
  CHECK(std::ranges::equal(plan.handled()->nonzero, SyntheticGuest::kData));
}

}  // namespace
}  // namespace faasnap
