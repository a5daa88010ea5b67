// SPDX-License-Identifier: Apache-2.0

#include "base/files/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <catch2/catch_test_macros.hpp>

#include "support/support.h"

namespace faasnap::base {
namespace {

using test::bytes_of;
using test::error_of;
using test::ScratchDirectory;

TEST_CASE("a file written is the file read") {
  const ScratchDirectory scratch;
  const auto path = scratch.path() / "f";
  write_new_file(path, bytes_of("content"));
  CHECK(test::text_of(read_file(path, {7})) == "content");
  CHECK(file_size(open_file(path, O_RDONLY), path) == Bytes{7});
}

TEST_CASE("a new file is not written over another") {
  const ScratchDirectory scratch;
  const auto path = scratch.path() / "f";
  write_new_file(path, bytes_of("first"));
  const Error error = error_of([&] { write_new_file(path, bytes_of("second")); });
  CHECK(error.kind() == ErrorKind::already_exists);
  CHECK(error.path() == path.string());
  CHECK(test::text_of(read_file(path, {100})) == "first");
}

TEST_CASE("a file over the limit is not read") {
  const ScratchDirectory scratch;
  const auto path = scratch.path() / "f";
  write_new_file(path, bytes_of("12345"));
  CHECK(error_of([&] { read_file(path, {4}); }).kind() == ErrorKind::corrupt);
}

TEST_CASE("a file that ends early is corrupt, and says where") {
  const ScratchDirectory scratch;
  const auto path = scratch.path() / "f";
  write_new_file(path, bytes_of("12345"));
  const auto fd = open_file(path, O_RDONLY);
  std::array<std::byte, 4> out{};
  CHECK_NOTHROW(read_exact(fd, out, 1, path));
  const Error error = error_of([&] { read_exact(fd, out, 2, path); });
  CHECK(error.kind() == ErrorKind::corrupt);
  CHECK(std::string(error.what()).find("ends at byte 5, expected at least 6") != std::string::npos);
}

TEST_CASE("only regular files are opened as such, and a pipe without a writer does not block") {
  const ScratchDirectory scratch;
  const auto pipe = scratch.path() / "pipe";
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  CHECK(error_of([&] { open_regular(pipe); }).kind() == ErrorKind::invalid_argument);
  CHECK(error_of([&] { open_regular(scratch.path()); }).kind() == ErrorKind::invalid_argument);
  CHECK(error_of([&] { open_regular(scratch.path() / "none"); }).kind() == ErrorKind::not_found);
}

TEST_CASE("opened files are not inherited by other programs") {
  CHECK((::fcntl(open_file("/dev/null", O_RDONLY).get(), F_GETFD) & FD_CLOEXEC) != 0);
}

TEST_CASE("writing to a full device is no_space") {
  const auto fd = open_file("/dev/full", O_WRONLY);
  CHECK(error_of([&] { write_exact(fd, bytes_of("x"), 0, "/dev/full"); }).kind() ==
        ErrorKind::no_space);
}

TEST_CASE("what is read ahead need not be there") {
  const ScratchDirectory scratch;
  const auto path = scratch.path() / "f";
  write_new_file(path, bytes_of("12345"));
  const auto fd = open_file(path, O_RDONLY);
  CHECK_NOTHROW(read_ahead(fd, 0, {1 << 20}, path));
  CHECK_NOTHROW(read_ahead(fd, 1 << 20, {kPageSize}, path));
  CHECK_THROWS_AS(read_ahead(UniqueFd(), 0, {kPageSize}, "closed"), Error);
}

TEST_CASE("a directory can be synced, a missing one not") {
  const ScratchDirectory scratch;
  CHECK_NOTHROW(sync_directory(scratch.path()));
  CHECK(error_of([&] { sync_directory(scratch.path() / "none"); }).kind() == ErrorKind::not_found);
}

TEST_CASE("a sparse copy has the same bytes, length and holes") {
  const ScratchDirectory scratch;
  const auto from = scratch.path() / "from";
  const auto to = scratch.path() / "to";
  constexpr std::uint64_t kSize = (8 << 20) + 100;
  const std::vector<std::byte> run(3 << 20, std::byte{7});
  const UniqueFd source = open_file(from, O_RDWR | O_CREAT);
  write_exact(source, run, 1 << 20, from);
  write_exact(source, std::span(run).first(5000), 6 << 20, from);
  REQUIRE(::ftruncate(source.get(), kSize) == 0);
  const UniqueFd target = open_file(to, O_RDWR | O_CREAT);
  copy_sparse(source, from, target, to);
  CHECK(read_file(to, {kSize}) == read_file(from, {kSize}));
  struct stat status {};
  REQUIRE(::fstat(target.get(), &status) == 0);
  CHECK(status.st_size == kSize);
  CHECK(status.st_blocks * 512 < 5 << 20);
}

TEST_CASE("a file that is all hole, or empty, is copied as such") {
  const ScratchDirectory scratch;
  for (const off_t size : {0, 1 << 20}) {
    const auto from = scratch.path() / ("from" + std::to_string(size));
    const auto to = scratch.path() / ("to" + std::to_string(size));
    const UniqueFd source = open_file(from, O_RDWR | O_CREAT);
    REQUIRE(::ftruncate(source.get(), size) == 0);
    copy_sparse(source, from, open_file(to, O_RDWR | O_CREAT), to);
    CHECK(std::filesystem::file_size(to) == static_cast<std::uintmax_t>(size));
  }
}

}  // namespace
}  // namespace faasnap::base
