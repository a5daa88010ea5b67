// SPDX-License-Identifier: Apache-2.0

#include "harness/disk_usage.h"

#include <fcntl.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <fstream>
#include <string>
#include <system_error>

namespace faasnap::bench {
namespace {

TEST_CASE("holes take up nothing of the disk, and a directory what its files take up") {
  std::string pattern = (std::filesystem::temp_directory_path() / "faasnap-disk-XXXXXX");
  REQUIRE(::mkdtemp(pattern.data()) != nullptr);
  const std::filesystem::path directory = pattern;
  const auto hole = directory / "hole";
  const auto data = directory / "data";
  std::ofstream(hole).close();
  REQUIRE(::truncate(hole.c_str(), 64 << 20) == 0);
  std::ofstream(data) << std::string(1 << 20, 'x') << std::flush;
  // Blocks are counted once they are given out.
  const int descriptor = ::open(data.c_str(), O_RDONLY);
  REQUIRE(::fsync(descriptor) == 0);
  ::close(descriptor);

  CHECK(bytes_on_disk(hole) < (1 << 20));
  CHECK(bytes_on_disk(data) >= (1 << 20));
  CHECK(bytes_on_disk(directory) == bytes_on_disk(hole) + bytes_on_disk(data));
  CHECK_THROWS_AS(bytes_on_disk(directory / "none"), std::system_error);
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace faasnap::bench
