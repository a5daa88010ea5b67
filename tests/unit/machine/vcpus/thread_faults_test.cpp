// SPDX-License-Identifier: Apache-2.0

#include "machine/vcpus/thread_faults.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>
#include <catch2/catch_test_macros.hpp>

#include <thread>

#include "base/files/mapping.h"
#include "paging/support.h"

namespace faasnap::machine {
namespace {

TEST_CASE("each first touch of a page counts as a minor fault of the thread that made it") {
  const auto memory = base::Mapping::anonymous(4_MiB);
  REQUIRE(::madvise(memory.data(), memory.size().value, MADV_NOHUGEPAGE) == 0);
  const ThreadFaults before = read_thread_faults(::gettid());
  ThreadFaults begun;
  ThreadFaults ended;
  std::thread([&] {
    begun = read_thread_faults(::gettid());
    for (std::uint64_t page = 0; page < memory.size().pages(); ++page) {
      memory.data()[page * kPageSize] = std::byte{1};
    }
    ended = read_thread_faults(::gettid());
  }).join();
  CHECK(ended.minor - begun.minor >= memory.size().pages());
  CHECK(read_thread_faults(::gettid()).minor - before.minor < memory.size().pages());
}

TEST_CASE("a fault that waits for the disk is a major one") {
  const test::ScratchDirectory directory;
  const test::PageFile file(directory.path() / "file", 1_MiB, 0);
  file.write({{0}, 256});
  file.make_cold();
  const auto view = base::Mapping::file(file.fd(), 0, 1_MiB, PROT_READ, MAP_PRIVATE);
  const ThreadFaults before = read_thread_faults(::gettid());
  const volatile std::byte* touched = view.data();
  (void)touched[0];
  CHECK(read_thread_faults(::gettid()).major - before.major >= 1);
}

TEST_CASE("a thread's name does not disturb its counters") {
  char name[16] = {};
  REQUIRE(::prctl(PR_GET_NAME, name) == 0);
  REQUIRE(::prctl(PR_SET_NAME, "a) S 1 (b) 2") == 0);
  const ThreadFaults odd = read_thread_faults(::gettid());
  REQUIRE(::prctl(PR_SET_NAME, name) == 0);
  const ThreadFaults plain = read_thread_faults(::gettid());
  CHECK(plain.minor >= odd.minor);
  CHECK(plain.minor - odd.minor < 1000);
}

TEST_CASE("a thread that is not there is an error") {
  CHECK(test::error_of([] { read_thread_faults(1 << 30); }).kind() == ErrorKind::not_found);
}

}  // namespace
}  // namespace faasnap::machine
