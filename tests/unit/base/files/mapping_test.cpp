// SPDX-License-Identifier: Apache-2.0

#include "base/files/mapping.h"

#include <fcntl.h>
#include <sys/mman.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cerrno>
#include <utility>

#include "base/files/file.h"
#include "support/exposure.h"
#include "support/support.h"

namespace faasnap::base {
namespace {

bool is_mapped(const std::byte* address) {
  unsigned char resident = 0;
  return ::mincore(const_cast<std::byte*>(address), kPageSize, &resident) == 0 || errno != ENOMEM;
}

TEST_CASE("anonymous memory is zero, writable and unmapped with its owner") {
  const std::byte* address = nullptr;
  {
    const Mapping mapping = Mapping::anonymous({4 * kPageSize});
    address = mapping.data();
    CHECK(mapping.bytes().size() == 4 * kPageSize);
    CHECK(std::ranges::all_of(mapping.bytes(), [](std::byte b) { return b == std::byte{0}; }));
    mapping.bytes()[4 * kPageSize - 1] = std::byte{1};
    CHECK(is_mapped(address));
  }
  CHECK_FALSE(is_mapped(address));
}

TEST_CASE("anonymous memory is in neither core dumps nor children, unless that is asked for") {
  const Mapping hidden = Mapping::anonymous({4 * kPageSize});
  CHECK(test::is_hidden(hidden.bytes()));
  const Mapping exposed = Mapping::anonymous({4 * kPageSize}, Exposure::exposed);
  CHECK_FALSE(test::is_hidden(exposed.bytes()));
}

TEST_CASE("a mapping moves with its memory") {
  Mapping first = Mapping::anonymous({kPageSize});
  const std::byte* address = first.data();
  Mapping second = std::move(first);
  CHECK(second.data() == address);
  CHECK_FALSE(static_cast<bool>(first));
  first = Mapping::anonymous({kPageSize});
  first = std::move(second);
  CHECK(first.data() == address);
}

TEST_CASE("a private mapping of a file shows its bytes and keeps writes to itself") {
  const test::ScratchDirectory scratch;
  const auto path = scratch.path() / "f";
  std::vector<std::byte> content(3 * kPageSize, std::byte{5});
  content[kPageSize] = std::byte{6};
  write_new_file(path, content);
  const auto fd = open_file(path, O_RDONLY);
  const auto mapping =
      Mapping::file(fd, kPageSize, {2 * kPageSize}, PROT_READ | PROT_WRITE, MAP_PRIVATE);
  CHECK(mapping.data()[0] == std::byte{6});
  CHECK(mapping.data()[1] == std::byte{5});
  mapping.data()[0] = std::byte{9};
  CHECK(read_file(path, {content.size()}) == content);
}

TEST_CASE("what cannot be mapped throws") {
  const auto fd = open_file("/dev/null", O_RDONLY);
  CHECK_THROWS_AS(Mapping::file(fd, 1, {kPageSize}, PROT_READ, MAP_PRIVATE), Error);
  CHECK_THROWS_AS(Mapping::anonymous({0}), Error);
}

}  // namespace
}  // namespace faasnap::base
