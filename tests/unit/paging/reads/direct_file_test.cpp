// SPDX-License-Identifier: Apache-2.0

#include "paging/reads/direct_file.h"

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <cerrno>

#include "paging/reads/io_buffers.h"
#include "paging/support.h"

namespace faasnap::paging {
namespace {

TEST_CASE("a file opened for direct reads leaves the caller's descriptor as it is") {
  const test::ScratchDirectory directory;
  const test::PageFile file(directory.path() / "file", 16_KiB, 0);
  file.write({{0}, 4});
  const int flags = ::fcntl(file.fd().get(), F_GETFL);
  const DirectFile direct(file.ref());
  CHECK(::fcntl(file.fd().get(), F_GETFL) == flags);
  CHECK(direct.fd().get() != file.fd().get());
  CHECK(((::fcntl(direct.fd().get(), F_GETFL) & O_DIRECT) != 0) == direct.direct());
  const IoBuffers buffers(16_KiB, 2);
  REQUIRE(::pread(direct.fd().get(), buffers[1].data(), 16384, 0) == 16384);
  CHECK(std::memcmp(buffers[1].data() + 8192, file.content({2}).data(), kPageSize) == 0);
}

TEST_CASE("direct reads leave nothing in the page cache") {
  const test::ScratchDirectory directory;
  const test::PageFile file(directory.path() / "file", 64_KiB, 0);
  file.write({{0}, 16});
  const DirectFile direct(file.ref());
  file.make_cold();
  const IoBuffers buffers(64_KiB, 1);
  REQUIRE(::pread(direct.fd().get(), buffers[0].data(), 65536, 0) == 65536);
  CHECK((file.resident() == 0) == direct.direct());
}

TEST_CASE("a file that cannot be read directly is read all the same") {
  const test::ScratchDirectory directory;
  const base::UniqueFd fd = base::open_file("/proc/self/status", O_RDONLY);
  const DirectFile file(FileRef{&fd, "status"});
  CHECK_FALSE(file.direct());
  std::array<char, 8> text{};
  CHECK(::pread(file.fd().get(), text.data(), text.size(), 0) == 8);
}

TEST_CASE("a file that is not there is refused") {
  const base::UniqueFd none;
  CHECK(test::error_of([&] {
          DirectFile(FileRef{&none, "none"});
        }).kind() == ErrorKind::invalid_argument);
  CHECK(test::error_of([&] { DirectFile(FileRef{}); }).kind() == ErrorKind::invalid_argument);
}

TEST_CASE("the outcome of a read is whole pages, a retry, or an error that says what is wrong") {
  const test::ScratchDirectory directory;
  const test::PageFile file(directory.path() / "file", {5000}, 0);
  const Bytes end{3 * kPageSize};
  CHECK(check_read(8192, file.ref(), end) == 8_KiB);
  CHECK(check_read(5000, file.ref(), end) == 4_KiB);
  CHECK(check_read(-EINTR, file.ref(), end) == Bytes{});
  CHECK(check_read(-EAGAIN, file.ref(), end) == Bytes{});
  CHECK(test::error_of([&] { check_read(-EIO, file.ref(), end); }).kind() == ErrorKind::io);
  for (const int result : {0, 904}) {
    const Error error = test::error_of([&] { check_read(result, file.ref(), end); });
    CHECK(error.kind() == ErrorKind::corrupt);
    CHECK(std::string(error.what()).find("5000 bytes, expected at least 12288") !=
          std::string::npos);
  }
}

}  // namespace
}  // namespace faasnap::paging
