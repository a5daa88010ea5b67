// SPDX-License-Identifier: Apache-2.0

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <cstring>

#include "support.h"

using namespace faasnap;
using namespace faasnap::test;

namespace {

// How many pages of two memory files of one size differ. Holes of both are passed over.
std::uint64_t differing_pages(const std::filesystem::path& left, const std::filesystem::path& right,
                              Bytes memory) {
  const int a = ::open(left.c_str(), O_RDONLY | O_CLOEXEC);
  const int b = ::open(right.c_str(), O_RDONLY | O_CLOEXEC);
  REQUIRE(a >= 0);
  REQUIRE(b >= 0);
  const auto next_data = [&](int fd, off_t from) {
    const off_t data = ::lseek(fd, from, SEEK_DATA);
    return data < 0 ? static_cast<off_t>(memory.value) : data;
  };
  std::uint64_t differing = 0;
  std::array<char, 16 * kPageSize> from_a;
  std::array<char, 16 * kPageSize> from_b;
  for (off_t at = 0; at < static_cast<off_t>(memory.value);) {
    at = std::min(next_data(a, at), next_data(b, at)) / 4096 * 4096;
    const auto length = std::min<std::size_t>(
        from_a.size(), memory.value - std::min<std::uint64_t>(memory.value, at));
    if (length == 0) {
      break;
    }
    REQUIRE(::pread(a, from_a.data(), length, at) == static_cast<ssize_t>(length));
    REQUIRE(::pread(b, from_b.data(), length, at) == static_cast<ssize_t>(length));
    for (std::size_t page = 0; page < length; page += kPageSize) {
      differing += std::memcmp(&from_a[page], &from_b[page], kPageSize) == 0 ? 0 : 1;
    }
    at += static_cast<off_t>(length);
  }
  ::close(a);
  ::close(b);
  return differing;
}

}  // namespace

TEST_CASE("every setting gives the guest the same memory, by a checksum that the guest computes") {
  require_kvm();
  // The list that the function sums is made by its first invocation: it lies in the snapshot.
  const nlohmann::json input{{"mib", 4}};
  const auto directory = fresh_path("checksum");
  nlohmann::json expected;
  {
    Guest guest = Guest::restore(base_snapshot());
    expected = guest.invoke("read", input);
    guest.vm().snapshot(directory);
  }
  const Snapshot plain = Snapshot::open(directory);
  // Not what is invoked later: part of it is predicted, and part is not.
  const auto recorded = fresh_path("checksum-recorded");
  const Snapshot snapshot = record(plain, "hello", nlohmann::json::object(), recorded);
  for (const Setting setting : kAllSettings) {
    INFO(to_string(setting));
    snapshot.drop_caches();
    Guest guest = Guest::serve(VM::prepare(snapshot, restored_with(setting, Place::here)).start());
    CHECK(guest.invoke("read", input) == expected);
  }
  for (const auto& path : {directory, recorded}) {
    Snapshot::remove(path);
  }
}

TEST_CASE("guest memory that was restored and never run is the image, however its pages come") {
  require_kvm();
  // The generation identifier, and the clock pages that KVM writes for each vCPU.
  constexpr std::uint64_t kRenewed = 8;
  const Snapshot snapshot = recorded_snapshot();
  const Place place = GENERATE(Place::worker, Place::here);
  // One for each way in which pages come: mapped, mapped in layers, installed before and meanwhile.
  for (const Setting setting : {Setting::lazy, Setting::faasnap, Setting::reap, Setting::stream}) {
    INFO(to_string(setting));
    const auto directory = fresh_path("never-run");
    RestoreOptions options = restored_with(setting, place);
    options.start = false;
    VM vm = VM::restore(snapshot, options);
    const Snapshot copy = vm.snapshot(directory);
    const auto memory = snapshot.info().memory;
    CHECK(differing_pages(snapshot.directory() / "memory", directory / "memory", memory) <=
          kRenewed);
    Snapshot::remove(copy.directory());
  }
}
