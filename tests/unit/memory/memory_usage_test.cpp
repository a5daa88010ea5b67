// SPDX-License-Identifier: Apache-2.0

#include "memory/memory_usage.h"

#include <sys/mman.h>
#include <catch2/catch_test_macros.hpp>

#include "base/files/mapping.h"
#include "paging/support.h"

namespace faasnap::memory {
namespace {

void touch(std::span<std::byte> range) {
  for (std::size_t i = 0; i < range.size(); i += kPageSize) {
    range[i] = std::byte{1};
  }
}

// Small pages, so that what is touched is what is resident.
base::Mapping small_pages(Bytes size) {
  auto mapping = base::Mapping::anonymous(size);
  REQUIRE(::madvise(mapping.data(), size.value, MADV_NOHUGEPAGE) == 0);
  return mapping;
}

TEST_CASE("touched pages are resident and untouched ones are not") {
  const auto memory = small_pages(8_MiB);
  CHECK(read_memory_usage(memory.bytes()).resident == Bytes{0});
  touch(memory.bytes().subspan(0, (3_MiB).value));
  const MemoryUsage usage = read_memory_usage(memory.bytes());
  CHECK(usage.resident == 3_MiB);
  CHECK(usage.proportional == 3_MiB);
}

TEST_CASE("what is present can be told without looking at other mappings") {
  const auto memory = small_pages(8_MiB);
  touch(memory.bytes().subspan(0, (3_MiB).value));
  CHECK(read_present_memory(memory.bytes()) == 3_MiB);
  CHECK(read_present_memory(memory.bytes().subspan((2_MiB).value)) == 1_MiB);
}

TEST_CASE("a part of a mapping is counted by itself") {
  const auto memory = small_pages(8_MiB);
  touch(memory.bytes());
  CHECK(read_memory_usage(memory.bytes().subspan(kPageSize, (2_MiB).value)).resident == 2_MiB);
}

TEST_CASE("pages that two mappings share count half to each") {
  const test::ScratchDirectory directory;
  const test::PageFile file(directory.path() / "file", 4_MiB, 0);
  file.write({{0}, 1024});
  const auto one = base::Mapping::file(file.fd(), 0, 4_MiB, PROT_READ | PROT_WRITE, MAP_PRIVATE);
  const auto two = base::Mapping::file(file.fd(), 0, 4_MiB, PROT_READ | PROT_WRITE, MAP_PRIVATE);
  REQUIRE(::madvise(one.data(), one.size().value, MADV_POPULATE_READ) == 0);
  REQUIRE(::madvise(two.data(), two.size().value, MADV_POPULATE_READ) == 0);
  const MemoryUsage usage = read_memory_usage(one.bytes());
  CHECK(usage.resident == 4_MiB);
  CHECK(usage.proportional == 2_MiB);
}

TEST_CASE("guest memory of thousands of mappings is summed whole") {
  const auto memory = small_pages(32_MiB);
  touch(memory.bytes());
  for (std::uint64_t page = 0; page < memory.size().pages(); page += 4) {
    REQUIRE(::mprotect(memory.data() + page * kPageSize, kPageSize, PROT_READ) == 0);
  }
  CHECK(read_memory_usage(memory.bytes()).resident == 32_MiB);
}

}  // namespace
}  // namespace faasnap::memory
