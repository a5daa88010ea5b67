// SPDX-License-Identifier: Apache-2.0

#include <faasnap/restored_memory.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include <faasnap/snapshot.h>

#include "base/files/mapping.h"
#include "memory/guest_memory.h"
#include "paging/userfault/userfault.h"
#include "snapshot/layers_fixture.h"
#include "support/forbidden_calls.h"
#include "support/support.h"

// Memory restored without a VM, from a snapshot of memory alone.
namespace faasnap {
namespace {

constexpr Bytes kMemory = memory::kMinimumSize;

// Sanitizers would look at each byte of each comparison, which takes minutes; what other threads
// write here the kernel writes for them.
__attribute__((no_sanitize("thread", "address"))) bool same_bytes(
    std::span<const std::byte> left, std::span<const std::byte> right) {
  if (left.size() != right.size() || left.size() % sizeof(std::uint64_t) != 0) {
    return false;
  }
  const auto* const one = reinterpret_cast<const std::uint64_t*>(left.data());
  const auto* const other = reinterpret_cast<const std::uint64_t*>(right.data());
  std::uint64_t difference = 0;
  for (std::size_t i = 0; i < left.size() / sizeof(std::uint64_t); ++i) {
    difference |= one[i] ^ other[i];
  }
  return difference == 0;
}

void require_paging() {
  try {
    const base::Mapping memory = base::Mapping::anonymous({kPageSize});
    const paging::Userfault faults(memory.bytes());
  } catch (const Error& error) {
    SKIP(error.what());
  }
}

// An image with data in every seventh stretch of nine pages, and a recording that touched some of
// those and some zero pages.
struct Image {
  test::ScratchDirectory directory;
  base::Mapping memory = base::Mapping::anonymous(kMemory);
  std::vector<PageAccess> touches;

  Image() {
    for (std::uint64_t page = 0; page < kMemory.pages(); ++page) {
      if (page / 9 % 7 == 0) {
        std::memset(memory.data() + page * kPageSize, static_cast<int>(page % 251 + 1), kPageSize);
      }
      if (page % 5 == 0) {
        touches.push_back({{page}, Nanoseconds(page), page % 2 == 0, page / 9 % 7 != 0});
      }
    }
  }
  Snapshot snapshot() const {
    const Snapshot bare = Snapshot::create(directory.path() / "bare", memory.bytes());
    const WorkingSet recorded =
        WorkingSet::from_accesses(bare.info().id, bare.info().memory, touches);
    return bare.derive(directory.path() / "recorded", {.working_set = &recorded});
  }
};

TEST_CASE("memory is restored bit by bit without a VM, in every setting that a recording allows") {
  require_paging();
  const Image image;
  const Snapshot snapshot = image.snapshot();
  for (const Setting setting : {Setting::lazy, Setting::cached, Setting::concurrent,
                                Setting::per_region, Setting::reap, Setting::stream}) {
    INFO(to_string(setting));
    RestoredMemory restored(snapshot, setting);
    restored.start();
    REQUIRE(same_bytes(restored.bytes(), image.memory.bytes()));
    restored.wait_loaded();
    CHECK_FALSE(restored.failed());
    const bool handled = setting == Setting::reap || setting == Setting::stream;
    CHECK((restored.stats().mappings == 0) == handled);
    // Pages that were not recorded took faults.
    CHECK((restored.stats().handled_faults != 0) == handled);
    CHECK(restored.memory_usage().resident > Bytes{});
  }
}

TEST_CASE(
    "without io_uring every setting restores the same, and the figures say that threads read") {
  require_paging();
  const Image image;
  const Snapshot snapshot = image.snapshot();
  test::without_io_uring(ENOSYS, [&] {
    for (const Setting setting : {Setting::lazy, Setting::cached, Setting::concurrent,
                                  Setting::per_region, Setting::reap, Setting::stream}) {
      INFO(to_string(setting));
      RestoredMemory restored(snapshot, setting);
      restored.start();
      CHECK(same_bytes(restored.bytes(), image.memory.bytes()));
      restored.wait_loaded();
      if (setting == Setting::concurrent || setting == Setting::stream) {
        CHECK_FALSE(restored.stats().prefetch.io_uring);
      }
    }
  });
}

TEST_CASE("what was restored can be written, and the snapshot stays as it was") {
  require_paging();
  const Image image;
  const Snapshot snapshot = image.snapshot();
  for (const Setting setting : {Setting::lazy, Setting::stream}) {
    RestoredMemory restored(snapshot, setting);
    restored.start();
    const auto bytes = restored.bytes();
    std::memset(bytes.data(), 0xab, bytes.size());
    restored.wait_loaded();
    const auto written = [](std::byte byte) { return byte == std::byte{0xab}; };
    CHECK(std::ranges::all_of(bytes.first(kPageSize), written));
    CHECK(same_bytes(bytes.first(bytes.size() - kPageSize), bytes.subspan(kPageSize)));
  }
  CHECK_NOTHROW(snapshot.verify());
}

TEST_CASE("layers are restored bit by bit in every setting, and so is what they are flattened to") {
  require_paging();
  // Sanitizers look at each byte that is compared; with them one stack must do.
#ifdef FAASNAP_SANITIZED
  const bool prepared = true;
#else
  const bool prepared = GENERATE(false, true);
#endif
  const unsigned depth = prepared ? 5 : 2;
  test::LayerStack stack(depth, kMemory, depth);
  const Snapshot layered = stack.recorded();
  const Snapshot flat = layered.rebase(stack.scratch.path() / "flat", nullptr);
  for (const Snapshot& snapshot : {layered, flat}) {
    for (const Setting setting : kAllSettings) {
      INFO(to_string(setting) << ", " << snapshot.directory());
      RestoredMemory restored(snapshot, snapshot.plan(setting, prepared));
      restored.start();
      if (snapshot.base()) {
        REQUIRE(same_bytes(restored.bytes(), stack.memory.bytes()));
      }
      restored.wait_loaded();
      CHECK_FALSE(restored.failed());
      REQUIRE(same_bytes(restored.bytes(), stack.memory.bytes()));
    }
  }
}

TEST_CASE("what is written to restored layers stays out of their files") {
  require_paging();
  test::LayerStack stack(3, kMemory, 9);
  const Snapshot snapshot = stack.recorded();
  for (const Setting setting : kAllSettings) {
    RestoredMemory restored(snapshot, setting);
    restored.start();
    for (std::size_t at = 0; at < restored.bytes().size(); at += kPageSize) {
      restored.bytes()[at] = std::byte{0xab};
    }
    restored.wait_loaded();
  }
  CHECK_NOTHROW(snapshot.verify());
}

TEST_CASE("the prefetcher's figures tell what was loaded") {
  require_paging();
  const Image image;
  const Snapshot snapshot = image.snapshot();
  RestoredMemory restored(snapshot, Setting::stream);
  restored.start();
  restored.wait_loaded();
  CHECK(restored.stats().prefetch.finished);
  CHECK(restored.stats().prefetch.pages == snapshot.info().stream_set_pages);
  CHECK(restored.stats().prefetch.zero_pages == snapshot.info().stream_set_zero_pages);
  CHECK(restored.stats().prefetch.read == restored.stats().prefetch.bytes);
  CHECK(restored.stats().handled_faults == 0);
}

TEST_CASE("the prefetcher's figures tell what was read of a compressed set, and what of it came") {
  require_paging();
  const Image image;
  const Snapshot plain = image.snapshot();
  const test::ScratchDirectory scratch;
  const Snapshot packed =
      plain.derive(scratch.path() / "packed", {.compression = Compression::lz4});
  RestoredMemory restored(packed, Setting::stream);
  restored.start();
  restored.wait_loaded();
  CHECK(restored.stats().prefetch.pages == plain.info().stream_set_pages);
  CHECK(restored.stats().prefetch.bytes == packed.stream_set()->content);
  CHECK(restored.stats().prefetch.read == packed.stream_set()->stored);
  CHECK(same_bytes(restored.bytes(), image.memory.bytes()));
}

}  // namespace
}  // namespace faasnap
