// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cstdint>

#include "support.h"

using namespace faasnap;
using namespace faasnap::test;

namespace {

// The function mmap writes a byte to each page of a map of this size.
constexpr std::uint64_t kMebibytes = 16;
constexpr std::uint64_t kPagesWritten = (16_MiB).pages();
// What the guest's kernel and the agent use besides.
constexpr std::uint64_t kOthers = kPagesWritten;

WorkingSet record_map(Recorder recorder) {
  return record(base_snapshot(), recorder, "mmap", {{"mib", kMebibytes}});
}

}  // namespace

TEST_CASE("userfaultfd records each page that a function writes, once, in order") {
  require_kvm();
  const WorkingSet used = record_map(Recorder::userfaultfd);
  CHECK(used.pages() >= kPagesWritten);
  CHECK(used.pages() <= kPagesWritten + kOthers);
  CHECK(used.pages() == used.accesses().size());
  CHECK(std::ranges::is_sorted(used.accesses(), {}, &PageAccess::time));
  const auto written = std::ranges::count_if(used.accesses(), &PageAccess::write);
  CHECK(static_cast<std::uint64_t>(written) >= kPagesWritten);
  // Most of them were free memory, which is holes in the image.
  const auto zero = std::ranges::count_if(used.accesses(), &PageAccess::zero);
  CHECK(static_cast<std::uint64_t>(zero) >= kPagesWritten / 2);
  CHECK(WorkingSet::similarity(used, record_map(Recorder::userfaultfd)) > 0.5);
}

TEST_CASE("in a clone that stream restores, userfaultfd records what the recording lacks") {
  require_kvm();
  const Snapshot snapshot = recorded_snapshot();
  const auto recorded = snapshot.working_set(Recorder::userfaultfd);
  REQUIRE(recorded);
  Guest guest = Guest::restore(
      snapshot, {.setting = Setting::stream, .record_accesses = AccessRecording::all});
  WorkingSetRecorder recording(snapshot, guest.vm(), {.recorder = Recorder::userfaultfd});
  guest.invoke("hello", {{"name", "recorded"}});
  const WorkingSet missed = recording.finish();
  CHECK(missed.pages() < recorded->pages() / 2);
  CHECK(WorkingSet::similarity(missed, *recorded) == 0);
}

TEST_CASE("a clone misses less once the misses of another one are in its set") {
  require_kvm();
  const Snapshot snapshot = recorded_snapshot();
  const auto recorded = snapshot.working_set(Recorder::userfaultfd);
  REQUIRE(recorded);
  // Invokes another function than the recorded one, in a clone of `served`.
  const auto misses_of = [](const Snapshot& served) {
    Guest guest = Guest::restore(
        served, {.setting = Setting::stream, .record_accesses = AccessRecording::misses});
    WorkingSetRecorder recording(served, guest.vm(), {.recorder = Recorder::userfaultfd});
    guest.invoke("mmap", {{"mib", kMebibytes}});
    return recording.finish();
  };
  const WorkingSet missed = misses_of(snapshot);
  REQUIRE(missed.pages() > 0);
  const WorkingSet extended = WorkingSet::with_misses(*recorded, {&missed, 1});
  const auto directory = data_directory() / "refreshed";
  const Snapshot refreshed = snapshot.derive(directory, {.working_set = &extended});
  std::uint64_t left = missed.pages();
  // On a busy host a clone may touch pages of its set before they have come: it misses them, too.
  for (int clone = 0; clone < 3 && left >= missed.pages() / 2; ++clone) {
    left = std::min(left, misses_of(refreshed).pages());
  }
  Snapshot::remove(directory);
  INFO(missed.pages() << " misses, then " << left);
  CHECK(left < missed.pages() / 2);
}

TEST_CASE("mincore records at least what a function writes, and more by the kernel's read-ahead") {
  require_kvm();
  const WorkingSet used = record_map(Recorder::mincore);
  CHECK(used.pages() >= kPagesWritten);
  CHECK(used.groups().size() > 1);
}
