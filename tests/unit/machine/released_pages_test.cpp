// SPDX-License-Identifier: Apache-2.0

#include "machine/released_pages.h"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <cstring>

#include "base/files/fd.h"
#include "memory/page_scan.h"

namespace faasnap::machine {
namespace {

constexpr PageRange kRange{PageIndex{100}, 4};

std::byte* page(const memory::GuestMemory& memory, std::uint64_t index) {
  return memory.host().data() + index * kPageSize;
}

// Guest memory of which a page comes when it is touched, and no huge page around it.
class SmallPages : public memory::GuestMemory {
 public:
  SmallPages() : GuestMemory(128_MiB) {
    REQUIRE(::madvise(host().data(), host().size(), MADV_NOHUGEPAGE) == 0);
  }
};

}  // namespace

TEST_CASE("a released page of anonymous memory is zero and not in memory") {
  const SmallPages memory;
  std::memset(page(memory, 99), 1, 6 * kPageSize);
  ReleasedPages released(memory);
  REQUIRE(released.release(kRange));
  const std::vector<PageRange> kept{{PageIndex{99}, 1}, {PageIndex{104}, 1}};
  CHECK(memory::touched_pages(memory.host()) == kept);
  CHECK(*page(memory, 99) == std::byte{1});
  CHECK(*page(memory, 100) == std::byte{0});
  CHECK(*page(memory, 104) == std::byte{1});
}

TEST_CASE("a released page of a private file mapping is what the file says, and not in memory") {
  const SmallPages memory;
  const base::UniqueFd file(::memfd_create("memory", MFD_CLOEXEC));
  const std::vector<std::byte> content(8 * kPageSize, std::byte{7});
  REQUIRE(::write(file.get(), content.data(), content.size()) ==
          static_cast<ssize_t>(content.size()));
  REQUIRE(::mmap(page(memory, 98), content.size(), PROT_READ | PROT_WRITE, MAP_FIXED | MAP_PRIVATE,
                 file.get(), 0) != MAP_FAILED);
  std::memset(page(memory, 100), 1, kPageSize);
  ReleasedPages released(memory);
  REQUIRE(released.release(kRange));
  CHECK(memory::touched_pages(memory.host()).empty());
  CHECK(*page(memory, 100) == std::byte{7});
}

TEST_CASE("what was released is remembered, sorted and merged") {
  const SmallPages memory;
  ReleasedPages released(memory);
  CHECK(released.pages().empty());
  REQUIRE(released.release({PageIndex{200}, 10}));
  REQUIRE(released.release({PageIndex{32767}, 1}));
  REQUIRE(released.release({PageIndex{195}, 7}));
  const std::vector<PageRange> expected{{PageIndex{195}, 15}, {PageIndex{32767}, 1}};
  CHECK(released.pages() == expected);
  CHECK(released.size() == Bytes{18 * kPageSize});
}

TEST_CASE("memory that the kernel keeps is not taken for released") {
  const SmallPages memory;
  // Not through the library: sanitizers make its function do nothing.
  if (::syscall(SYS_mlock, page(memory, 100), 4 * kPageSize) != 0) {
    SKIP("memory cannot be locked here");
  }
  std::memset(page(memory, 100), 1, kPageSize);
  ReleasedPages released(memory);
  CHECK_FALSE(released.release(kRange));
  CHECK(released.pages().empty());
  CHECK(released.size() == Bytes{0});
  CHECK(*page(memory, 100) == std::byte{1});
}

}  // namespace faasnap::machine
