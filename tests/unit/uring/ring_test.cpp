// SPDX-License-Identifier: Apache-2.0

#include "uring/ring.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <algorithm>
#include <cerrno>
#include <map>
#include <memory>
#include <vector>

#include "base/files/file.h"
#include "base/threads/event_loop.h"
#include "support/forbidden_calls.h"
#include "support/support.h"

namespace faasnap::uring {
namespace {

constexpr std::size_t kBlock = 4096;

// A file in which each block is filled with its number.
struct NumberedFile {
  test::ScratchDirectory directory;
  base::UniqueFd fd;

  explicit NumberedFile(unsigned blocks) {
    const auto path = directory.path() / "file";
    fd = base::open_file(path, O_RDWR | O_CREAT | O_EXCL);
    for (unsigned i = 0; i < blocks; ++i) {
      const std::vector<std::byte> block(kBlock, static_cast<std::byte>(i));
      base::write_exact(fd, block, i * kBlock, path);
    }
  }
};

// Each case that makes rings runs with both kinds.
using Maker = std::unique_ptr<Ring> (*)(unsigned entries);
Maker make_ring() { return GENERATE(Maker(&Ring::make), Maker(&Ring::make_of_threads)); }

bool all_equal(std::span<const std::byte> bytes, unsigned value) {
  return std::all_of(bytes.begin(), bytes.end(),
                     [&](std::byte b) { return b == static_cast<std::byte>(value); });
}

TEST_CASE("availability has a reason exactly when it is denied") {
  const Availability answer = available();
  CHECK(answer.reason.empty() == answer.available);
}

TEST_CASE(
    "a read of what does not answer ends when it is cancelled, and no other completion is seen") {
  const NumberedFile file(1);
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  const base::UniqueFd source(ends[0]);
  const base::UniqueFd sink(ends[1]);
  std::vector<std::byte> buffer(3 * kBlock);
  const auto ring = make_ring()(4);
  for (std::uint64_t i = 0; i < 2; ++i) {
    REQUIRE(ring->prepare_read(source, std::span(buffer).subspan(i * kBlock, kBlock), 0, i));
  }
  ring->submit();
  ring->cancel(0);
  ring->cancel(1);
  ring->cancel(77);  // nothing has this number
  REQUIRE(ring->prepare_read(file.fd, std::span(buffer).subspan(2 * kBlock), 0, 2));
  std::map<std::uint64_t, int> results;
  while (ring->outstanding() != 0) {
    ring->submit_and_wait(1);
    ring->for_each_completion([&](const Completion& completion) {
      REQUIRE(results.emplace(completion.user_data, completion.result).second);
    });
  }
  CHECK(results[0] < 0);
  CHECK(results[1] < 0);
  CHECK(results[2] == kBlock);
  CHECK(results.size() == 3);
}

TEST_CASE("each read completes once, with its own data") {
  const NumberedFile file(100);
  std::vector<std::byte> buffer(100 * kBlock);
  std::map<std::uint64_t, int> results;
  const auto ring = make_ring()(8);
  unsigned next = 0;
  while (results.size() < 100) {
    while (next < 100 &&
           ring->prepare_read(file.fd, std::span(buffer).subspan(next * kBlock, kBlock),
                              next * kBlock, next)) {
      ++next;
    }
    ring->submit_and_wait(1);
    ring->for_each_completion([&](const Completion& completion) {
      REQUIRE(results.emplace(completion.user_data, completion.result).second);
    });
  }
  CHECK(ring->outstanding() == 0);
  for (unsigned i = 0; i < 100; ++i) {
    REQUIRE(results.at(i) == kBlock);
    REQUIRE(all_equal(std::span(buffer).subspan(i * kBlock, kBlock), i));
  }
}

TEST_CASE("a vectored read fills its pieces in order") {
  const NumberedFile file(3);
  std::vector<std::byte> first(kBlock + 10);
  std::vector<std::byte> second(kBlock - 10);
  const std::vector<iovec> pieces = {{first.data(), first.size()}, {second.data(), second.size()}};
  const auto ring = make_ring()(1);
  REQUIRE(ring->prepare_readv(file.fd, pieces, kBlock, 7));
  ring->submit_and_wait(1);
  const auto completion = ring->take_completion();
  REQUIRE(completion);
  CHECK(completion->user_data == 7);
  CHECK(completion->result == 2 * kBlock);
  CHECK(all_equal(std::span(first).first(kBlock), 1));
  CHECK(all_equal(std::span(first).subspan(kBlock), 2));
  CHECK(all_equal(second, 2));
}

TEST_CASE("a vectored write puts its pieces in order, and leaves the rest of the file alone") {
  const NumberedFile file(4);
  std::vector<std::byte> first(kBlock + 10, std::byte{0xa1});
  std::vector<std::byte> second(kBlock - 10, std::byte{0xb2});
  const std::vector<iovec> pieces = {{first.data(), first.size()}, {second.data(), second.size()}};
  const auto ring = make_ring()(1);
  REQUIRE(ring->prepare_writev(file.fd, pieces, kBlock, 7));
  ring->submit_and_wait(1);
  REQUIRE(ring->take_completion().value().result == 2 * kBlock);
  std::vector<std::byte> content(4 * kBlock);
  base::read_exact(file.fd, content, 0, "file");
  CHECK(all_equal(std::span(content).first(kBlock), 0));
  CHECK(all_equal(std::span(content).subspan(kBlock, kBlock + 10), 0xa1));
  CHECK(all_equal(std::span(content).subspan(2 * kBlock + 10, kBlock - 10), 0xb2));
  CHECK(all_equal(std::span(content).subspan(3 * kBlock), 3));
}

TEST_CASE("a punched range reads as zeros, and the file keeps its size") {
  const NumberedFile file(4);
  const auto ring = make_ring()(2);
  REQUIRE(ring->prepare_punch(file.fd, 2 * kBlock, 2 * kBlock, 1));
  ring->submit_and_wait(1);
  REQUIRE(ring->take_completion().value().result == 0);
  std::vector<std::byte> content(4 * kBlock);
  base::read_exact(file.fd, content, 0, "file");
  CHECK(all_equal(std::span(content).subspan(kBlock, kBlock), 1));
  CHECK(all_equal(std::span(content).subspan(2 * kBlock), 0));
  CHECK(base::file_size(file.fd, "file") == Bytes{4 * kBlock});
}

TEST_CASE("a file is synced, and what is no file cannot be") {
  const NumberedFile file(1);
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  const base::UniqueFd source(ends[0]);
  const base::UniqueFd sink(ends[1]);
  const auto ring = make_ring()(2);
  REQUIRE(ring->prepare_sync(file.fd, 1));
  REQUIRE(ring->prepare_sync(sink, 2));
  ring->submit_and_wait(2);
  std::map<std::uint64_t, int> results;
  ring->for_each_completion(
      [&](const Completion& completion) { results[completion.user_data] = completion.result; });
  CHECK(results.at(1) == 0);
  CHECK(results.at(2) == -EINVAL);
}

TEST_CASE("a full ring takes no more until a completion has been taken") {
  const NumberedFile file(1);
  std::vector<std::byte> buffer(kBlock);
  const auto ring = make_ring()(4);
  REQUIRE(ring->capacity() == 4);
  for (unsigned i = 0; i < 4; ++i) {
    REQUIRE(ring->prepare_read(file.fd, buffer, 0, i));
  }
  CHECK_FALSE(ring->prepare_read(file.fd, buffer, 0, 4));
  ring->submit_and_wait(4);
  CHECK_FALSE(ring->prepare_read(file.fd, buffer, 0, 4));
  REQUIRE(ring->take_completion());
  CHECK(ring->outstanding() == 3);
  CHECK(ring->prepare_read(file.fd, buffer, 0, 4));
}

TEST_CASE("a read past the end of the file is short, and one of a closed descriptor fails") {
  const NumberedFile file(2);
  std::vector<std::byte> buffer(4 * kBlock);
  const base::UniqueFd closed;
  const auto ring = make_ring()(4);
  REQUIRE(ring->prepare_read(file.fd, buffer, kBlock, 1));
  REQUIRE(ring->prepare_read(file.fd, buffer, 2 * kBlock, 2));
  REQUIRE(ring->prepare_read(closed, buffer, 0, 3));
  ring->submit_and_wait(3);
  std::map<std::uint64_t, int> results;
  ring->for_each_completion(
      [&](const Completion& completion) { results[completion.user_data] = completion.result; });
  CHECK(results.at(1) == kBlock);
  CHECK(results.at(2) == 0);
  CHECK(results.at(3) == -EBADF);
}

TEST_CASE("there is no completion before there is a request") {
  const NumberedFile file(1);
  const auto ring = make_ring()(1);
  CHECK_FALSE(ring->take_completion());
  ring->submit();
  CHECK_FALSE(ring->take_completion());
}

TEST_CASE("completions wake an event loop") {
  const NumberedFile file(16);
  std::vector<std::byte> buffer(16 * kBlock);
  const base::EventFd event;
  const auto ring = make_ring()(16);
  ring->register_event(event);
  const base::EventFd done;
  unsigned taken = 0;
  base::EventLoop loop([](std::exception_ptr) {});
  loop.run([&] {
    loop.watch(event.get(), EPOLLIN, [&](std::uint32_t) {
      event.drain();
      taken += ring->for_each_completion([](const Completion&) {});
      if (taken == 16) {
        done.signal();
      }
    });
    for (unsigned i = 0; i < 16; ++i) {
      REQUIRE(ring->prepare_read(file.fd, std::span(buffer).subspan(i * kBlock, kBlock), i * kBlock,
                                 i));
    }
    ring->submit();
  });
  pollfd wait{.fd = done.get(), .events = POLLIN, .revents = 0};
  CHECK(::poll(&wait, 1, 10000) == 1);
  loop.stop();
  CHECK(taken == 16);
}

TEST_CASE("a ring destroyed with requests under way leaves the buffers alone afterwards") {
  const NumberedFile file(64);
  const auto make = make_ring();
  for (int round = 0; round < 50; ++round) {
    ::posix_fadvise(file.fd.get(), 0, 0, POSIX_FADV_DONTNEED);
    std::vector<std::byte> buffer(64 * kBlock);
    {
      const auto ring = make(64);
      for (unsigned i = 0; i < 64; ++i) {
        REQUIRE(ring->prepare_read(file.fd, std::span(buffer).subspan(i * kBlock, kBlock),
                                   i * kBlock, i));
      }
      if (round % 2 == 0) {
        ring->submit();  // the other rounds leave the requests queued
      }
    }
    std::fill(buffer.begin(), buffer.end(), std::byte{0xee});
    ::usleep(200);
    REQUIRE(all_equal(buffer, 0xee));
  }
}

TEST_CASE("sizes out of range are refused") {
  const auto make = make_ring();
  for (const unsigned entries : {0u, Ring::kMaximumEntries + 1}) {
    CHECK(test::error_of([&] { make(entries); }).kind() == ErrorKind::invalid_argument);
  }
  CHECK(make(3)->capacity() == 4);
}

TEST_CASE("where io_uring is forbidden, threads read") {
  const NumberedFile file(2);
  const int error_number = GENERATE(EPERM, EACCES, ENOSYS);
  test::without_io_uring(error_number, [&] {
    CHECK_FALSE(available());
    const auto ring = Ring::make(2);
    CHECK(ring->of_threads());
    std::vector<std::byte> buffer(kBlock);
    CHECK(ring->prepare_read(file.fd, buffer, kBlock, 1));
    ring->submit_and_wait(1);
    const auto completion = ring->take_completion();
    CHECK((completion && completion->result == kBlock));
    CHECK(all_equal(buffer, 1));
  });
}

TEST_CASE("a ring of threads reads although the host gives it no thread") {
  const NumberedFile file(4);
  const base::EventFd event;
  std::vector<std::byte> buffer(4 * kBlock);
  test::without_new_threads([&] {
    const auto ring = Ring::make_of_threads(4);
    ring->register_event(event);
    for (unsigned i = 0; i < 4; ++i) {
      CHECK(ring->prepare_read(file.fd, std::span(buffer).subspan(i * kBlock, kBlock), i * kBlock,
                               i));
    }
    ring->submit_and_wait(4);
    CHECK(event.drain());
    CHECK(ring->for_each_completion([](const Completion&) {}) == 4);
    for (unsigned i = 0; i < 4; ++i) {
      CHECK(all_equal(std::span(buffer).subspan(i * kBlock, kBlock), i));
    }
  });
}

}  // namespace
}  // namespace faasnap::uring
