// SPDX-License-Identifier: Apache-2.0

#include "memory/page_guard.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <cerrno>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "base/files/mapping.h"
#include "memory/guest_memory.h"

namespace faasnap::memory {
namespace {

// A file of `pages` pages, each filled with 'x', that nobody else can see.
class BackingFile {
 public:
  explicit BackingFile(std::uint64_t pages)
      : fd_(::memfd_create("page_guard_test", MFD_CLOEXEC)), pages_(pages) {
    REQUIRE(fd_);
    const std::vector<char> page(kPageSize, 'x');
    for (std::uint64_t i = 0; i < pages; ++i) {
      REQUIRE(::write(fd_.get(), page.data(), page.size()) == std::ssize(page));
    }
  }
  void truncate(std::uint64_t pages) const {
    REQUIRE(::ftruncate(fd_.get(), static_cast<off_t>(pages * kPageSize)) == 0);
  }
  std::uint64_t pages() const {
    struct stat status {};
    REQUIRE(::fstat(fd_.get(), &status) == 0);
    return static_cast<std::uint64_t>(status.st_size) / kPageSize;
  }
  base::Mapping map() const {
    return base::Mapping::file(fd_, 0, Bytes{pages_ * kPageSize}, PROT_READ | PROT_WRITE,
                               MAP_PRIVATE);
  }
  const base::UniqueFd& fd() const { return fd_; }

 private:
  base::UniqueFd fd_;
  std::uint64_t pages_;
};

// The calls of a guard's callbacks.
struct Refusals {
  PageGuard::Callbacks callbacks() {
    return {.intact = {}, .refused = [this](PageRange pages, const std::string& reason) {
              refused.push_back(pages);
              reasons.push_back(reason);
            }};
  }
  std::vector<PageRange> refused;
  std::vector<std::string> reasons;
};

TEST_CASE("pages that a truncated file has lost are refused, and whoever asked is told which") {
  const BackingFile file(8);
  const base::Mapping mapping = file.map();
  Refusals refusals;
  const PageGuard guard(mapping.bytes(), refusals.callbacks());
  file.truncate(4);
  CHECK(guard.admit({PageIndex{0}, 4}));
  CHECK(refusals.refused.empty());
  CHECK_FALSE(guard.admit({PageIndex{6}, 2}));
  CHECK(refusals.refused == std::vector{PageRange{PageIndex{6}, 2}});
  CHECK(refusals.reasons == std::vector<std::string>{std::strerror(EFAULT)});
}

TEST_CASE("a page that was admitted is private: what is written to the file does not reach it") {
  const BackingFile file(8);
  const base::Mapping mapping = file.map();
  Refusals refusals;
  const PageGuard guard(mapping.bytes(), refusals.callbacks());
  REQUIRE(guard.admit({PageIndex{2}, 3}));
  REQUIRE(::pwrite(file.fd().get(), "y", 1, 3 * kPageSize) == 1);
  CHECK(mapping.data()[3 * kPageSize] == std::byte{'x'});
}

TEST_CASE("a page that was admitted is refused once its file is no longer intact") {
  const BackingFile file(8);
  const base::Mapping mapping = file.map();
  Refusals refusals;
  auto callbacks = refusals.callbacks();
  callbacks.intact = [&] { return file.pages() == 8; };
  const PageGuard guard(mapping.bytes(), callbacks);
  REQUIRE(guard.admit({PageIndex{2}, 3}));
  // Takes private copies of its pages away, too: a touch would be SIGBUS.
  file.truncate(0);
  CHECK_FALSE(guard.admit({PageIndex{2}, 3}));
  CHECK_FALSE(guard.holds());
  CHECK(refusals.refused == std::vector(2, PageRange{}));
}

TEST_CASE("a page that was given back is asked of its file again") {
  const BackingFile file(4);
  const base::Mapping mapping = file.map();
  Refusals refusals;
  const PageGuard guard(mapping.bytes(), refusals.callbacks());
  REQUIRE(guard.admit({PageIndex{0}, 4}));
  guard.forget({PageIndex{3}, 1});
  REQUIRE(::madvise(mapping.data() + 3 * kPageSize, kPageSize, MADV_DONTNEED) == 0);
  file.truncate(3);
  CHECK_FALSE(guard.admit({PageIndex{0}, 4}));
  CHECK(refusals.refused == std::vector{PageRange{PageIndex{3}, 1}});
}

TEST_CASE("a range that is admitted in parts is refused for the part that cannot be had") {
  const BackingFile file(8);
  const base::Mapping mapping = file.map();
  Refusals refusals;
  const PageGuard guard(mapping.bytes(), refusals.callbacks());
  REQUIRE(guard.admit({PageIndex{3}, 2}));
  file.truncate(3);
  CHECK_FALSE(guard.admit({PageIndex{0}, 8}));
  CHECK(refusals.refused == std::vector{PageRange{PageIndex{5}, 3}});
}

TEST_CASE("a closed guard admits nothing, not even what it admitted before") {
  const BackingFile file(4);
  const base::Mapping mapping = file.map();
  Refusals refusals;
  PageGuard guard(mapping.bytes(), refusals.callbacks());
  REQUIRE(guard.admit({PageIndex{0}, 1}));
  CHECK(guard.holds());
  guard.close();
  CHECK_FALSE(guard.holds());
  CHECK_FALSE(guard.admit({PageIndex{0}, 1}));
  CHECK_FALSE(guard.admit({PageIndex{1}, 1}));
  CHECK(refusals.refused.empty());
}

TEST_CASE("threads that ask for the same pages at once all get them") {
  const BackingFile file(64);
  const base::Mapping mapping = file.map();
  Refusals refusals;
  const PageGuard guard(mapping.bytes(), refusals.callbacks());
  std::atomic<unsigned> admitted = 0;
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (std::uint64_t page = 0; page < 64; ++page) {
        admitted += guard.admit({PageIndex{page}, 1}) ? 1 : 0;
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  CHECK(admitted == 4 * 64);
  CHECK(mapping.data()[63 * kPageSize] == std::byte{'x'});
}

TEST_CASE("guarded guest memory has no view of pages that cannot be had") {
  GuestMemory memory(kMinimumSize);
  const BackingFile file(2);
  REQUIRE(::mmap(memory.host().data(), 2 * kPageSize, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_FIXED, file.fd().get(), 0) != MAP_FAILED);
  Refusals refusals;
  memory.guard(refusals.callbacks());
  file.truncate(1);
  CHECK(memory.read_value<char>(GuestAddress{0}) == 'x');
  CHECK(memory.view(GuestAddress{kPageSize - 1}, 1).has_value());
  CHECK_FALSE(memory.view(GuestAddress{kPageSize - 1}, 2).has_value());
  CHECK_FALSE(memory.write_value(GuestAddress{kPageSize + 8}, 'y'));
  CHECK(refusals.refused == std::vector(2, PageRange{PageIndex{1}, 1}));
  // Beyond the file there is anonymous memory.
  CHECK(memory.read_value<char>(GuestAddress{2 * kPageSize}) == '\0');
  memory.close_guard();
  CHECK_FALSE(memory.read_value<char>(GuestAddress{0}).has_value());
}

}  // namespace
}  // namespace faasnap::memory
