// SPDX-License-Identifier: Apache-2.0

#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <filesystem>
#include <thread>

#include "support.h"

using namespace faasnap;
using namespace faasnap::test;

namespace {

constexpr std::uint64_t kMappedPages = (64_MiB).pages();
// What an invocation may leave behind besides the pages that it maps, fills and frees.
constexpr std::uint64_t kTolerance = kMappedPages / 2;

// Fills 64 MiB of the guest's memory, checks them, and frees them.
void fill_and_free(Guest& guest) {
  std::uint64_t sum = 0;
  for (std::uint64_t page = 0; page < kMappedPages; ++page) {
    sum += page % 251;
  }
  const auto result = guest.invoke("mmap", {{"mib", 64}});
  CHECK(result.at("pages") == kMappedPages);
  CHECK(result.at("sum") == sum);
}

// Snapshots of the guest until one has at most `pages` that are not zero, or patience ends: the
// guest's kernel reports freed pages some seconds later. The last one.
Snapshot snapshot_with_at_most(std::uint64_t pages, Guest& guest,
                               const std::filesystem::path& path) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  for (;;) {
    const Snapshot snapshot = guest.vm().snapshot(path);
    if (snapshot.info().nonzero_pages <= pages || std::chrono::steady_clock::now() > deadline) {
      return snapshot;
    }
    Snapshot::remove(path);
    std::this_thread::sleep_for(std::chrono::seconds(1));
  }
}

RestoreOptions releasing() {
  RestoreOptions options;
  options.release_free_memory = true;
  return options;
}

}  // namespace

TEST_CASE("memory that a guest has freed is a hole in its snapshot, and works when used again") {
  require_kvm();
  const std::uint64_t most = base_snapshot().info().nonzero_pages + kTolerance;
  // Taken, as a rule, before the guest reports: it holds what was freed. The clone made of it
  // reports pages that the image has.
  const Snapshot full = [] {
    Guest guest = Guest::restore(base_snapshot(), releasing());
    fill_and_free(guest);
    return guest.vm().snapshot(fresh_path("free-memory-full"));
  }();
  Guest guest = Guest::restore(full, releasing());
  const Snapshot drained = snapshot_with_at_most(most, guest, fresh_path("free-memory-drained"));
  CHECK(drained.info().nonzero_pages <= most);
  CHECK(guest.vm().stats().free_memory.released > Bytes{0});
  fill_and_free(guest);

  Guest clone = Guest::restore(drained);
  fill_and_free(clone);
}

TEST_CASE("a clone that serves keeps the memory that its guest reports") {
  require_kvm();
  Guest guest = Guest::restore(base_snapshot());
  fill_and_free(guest);
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  const auto stats = [&] { return guest.vm().stats().free_memory; };
  while (stats().reported < 32_MiB && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
  }
  CHECK(stats().reported >= 32_MiB);
  CHECK(stats().released == Bytes{0});
  fill_and_free(guest);
}
