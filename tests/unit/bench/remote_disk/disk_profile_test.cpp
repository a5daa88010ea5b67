// SPDX-License-Identifier: Apache-2.0

#include "remote_disk/disk_profile.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <stdexcept>

namespace faasnap::bench {
namespace {

using namespace std::chrono_literals;

TEST_CASE("a network volume is far slower than a local disk, in everything") {
  const LinkSpeed& volume = disk_profile("ebs").speed;
  CHECK(volume.latency == 1ms);
  CHECK(volume.bytes == 125 << 20);
  CHECK(volume.requests == 3000);
  for (const char* local : {"nvme", "ssd"}) {
    const LinkSpeed& speed = disk_profile(local).speed;
    CHECK(speed.latency < volume.latency);
    CHECK(speed.bytes > volume.bytes);
    CHECK(speed.requests > volume.requests);
  }
}

TEST_CASE("a disk that is not known is told with those that are") {
  CHECK_THROWS_MATCHES(
      disk_profile("floppy"), std::invalid_argument,
      Catch::Matchers::Message("unknown disk profile 'floppy', expected one of: nvme, ssd, ebs"));
}

TEST_CASE("a disk is described as a slow processor has it") {
  const nlohmann::json disk = describe(disk_profile("ebs"), 12.5);
  CHECK(disk.at("profile") == "ebs");
  CHECK(disk.at("latency_ns") == 12'500'000);
  CHECK(disk.at("bytes_per_second") == 10 << 20);
  CHECK(disk.at("requests_per_second") == 240);
  CHECK(disk.at("text") == "ebs, 12.5 times as slow: 12.5 ms, 10 MiB/s, 240 IOPS");
}

}  // namespace
}  // namespace faasnap::bench
