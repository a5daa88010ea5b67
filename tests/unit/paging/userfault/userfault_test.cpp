// SPDX-License-Identifier: Apache-2.0

#include "paging/userfault/userfault.h"

#include <poll.h>
#include <catch2/catch_test_macros.hpp>

#include <array>
#include <optional>
#include <thread>

#include "base/files/mapping.h"
#include "paging/support.h"

namespace faasnap::paging {
namespace {

constexpr std::uint64_t kPages = 64;

// Watched memory, or a skipped test where userfaultfd cannot be had.
struct Watched {
  base::Mapping memory = base::Mapping::anonymous({kPages * kPageSize});
  std::optional<Userfault> faults;

  explicit Watched(PageRange pages = {{0}, kPages}) {
    try {
      faults.emplace(memory.bytes());
    } catch (const Error& error) {
      SKIP(error.what());
    }
    faults->watch(pages);
  }
  volatile std::byte& at(std::uint64_t page) const { return memory.data()[page * kPageSize]; }
  std::vector<PageFault> wait_for_faults() const {
    pollfd waiting{faults->get(), POLLIN, 0};
    base::retry_eintr([&] { return ::poll(&waiting, 1, -1); });
    std::vector<PageFault> taken(kPages);
    taken.resize(faults->take(taken));
    return taken;
  }
};

std::vector<std::byte> pattern(std::uint64_t pages) {
  std::vector<std::byte> bytes(pages * kPageSize);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<std::byte>(i * 7 + i / kPageSize + 1);
  }
  return bytes;
}

TEST_CASE("an access waits, is reported with its page and kind, and sees what is installed") {
  const Watched watched;
  const auto content = pattern(1);
  for (const bool write : {false, true}) {
    const std::uint64_t page = write ? 9 : 5;
    std::byte seen{};
    std::thread guest([&] {
      if (write) {
        watched.at(page) = std::byte{0xee};
      }
      seen = watched.at(page);
    });
    const auto taken = watched.wait_for_faults();
    REQUIRE(taken.size() == 1);
    CHECK(taken[0].page == PageIndex{page});
    CHECK(taken[0].write == write);
    CHECK(watched.faults->copy({{page}, 1}, content.data()) == 1);
    guest.join();
    CHECK(seen == (write ? std::byte{0xee} : content[0]));
  }
}

TEST_CASE("a run is installed whole, around the pages that are there already") {
  const Watched watched;
  const auto content = pattern(kPages);
  CHECK(watched.faults->share_zeros({{10}, 1}) == 1);
  CHECK(watched.faults->copy({{20}, 3}, content.data() + 20 * kPageSize) == 3);
  watched.at(20) = std::byte{0x77};
  CHECK(watched.faults->copy({{0}, kPages}, content.data()) == kPages - 4);
  for (std::uint64_t page = 0; page < kPages; ++page) {
    const std::byte expected = page == 10   ? std::byte{0}
                               : page == 20 ? std::byte{0x77}
                                            : content[page * kPageSize];
    REQUIRE(watched.at(page) == expected);
    REQUIRE(watched.memory.data()[page * kPageSize + 4095] ==
            (page == 10 ? std::byte{0} : content[page * kPageSize + 4095]));
  }
  CHECK(watched.faults->share_zeros({{0}, kPages}) == 0);
}

TEST_CASE("an access that is woken before its page is there waits again") {
  const Watched watched;
  std::thread guest([&] { watched.at(3) = std::byte{1}; });
  REQUIRE(watched.wait_for_faults().size() == 1);
  watched.faults->wake({{0}, 8});
  CHECK(watched.wait_for_faults().size() == 1);
  const auto content = pattern(8);
  CHECK(watched.faults->copy({{0}, 8}, content.data()) == 8);
  guest.join();
  CHECK(watched.at(3) == std::byte{1});
}

TEST_CASE("pages that are not watched are the kernel's, and cannot be installed") {
  const Watched watched({{16}, 16});
  CHECK(watched.at(0) == std::byte{0});
  CHECK(watched.at(32) == std::byte{0});
  std::array<PageFault, 4> none{};
  CHECK(watched.faults->take(none) == 0);
  const auto content = pattern(1);
  const Error error = test::error_of([&] {
    (void)watched.faults->copy({{40}, 1}, content.data());
  });
  CHECK(error.error_number() == ENOENT);
}

TEST_CASE("whoever waits goes on when the answering side is gone") {
  Watched watched;
  std::byte seen{0xff};
  std::thread guest([&] { seen = watched.at(7); });
  REQUIRE(watched.wait_for_faults().size() == 1);
  watched.faults.reset();
  guest.join();
  CHECK(seen == std::byte{0});
}

}  // namespace
}  // namespace faasnap::paging
