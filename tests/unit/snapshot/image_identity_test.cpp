// SPDX-License-Identifier: Apache-2.0

#include "snapshot/image_identity.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <catch2/catch_test_macros.hpp>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>

#include "base/checksum.h"
#include "base/files/file.h"
#include "support/support.h"

namespace faasnap {
namespace {

namespace fs = std::filesystem;
using test::error_of;
using test::ScratchDirectory;

constexpr std::uint64_t kPages = 1000;

// An image whose pages differ, and its identity.
struct Image {
  Image() {
    std::string content;
    for (std::uint64_t page = 0; page < kPages; ++page) {
      content += std::string(kPageSize, static_cast<char>(page * 31));
    }
    std::ofstream(path) << content;
    set_modified(path, 1000);
    identity = identify_file(path);
  }
  static void set_modified(const fs::path& file, long seconds) {
    const timespec times[2] = {{.tv_sec = 0, .tv_nsec = UTIME_OMIT},
                               {.tv_sec = seconds, .tv_nsec = 0}};
    REQUIRE(::utimensat(AT_FDCWD, file.c_str(), times, 0) == 0);
  }
  static void change_byte(const fs::path& file, std::uint64_t offset) {
    const std::byte changed{0xff};
    base::write_exact(base::open_file(file, O_WRONLY), {&changed, 1}, offset, file);
  }
  fs::path copy(const char* name) const {
    const fs::path target = scratch.path() / name;
    fs::copy_file(path, target);
    return target;
  }
  FileIdentity require_same(const fs::path& file) const {
    return check.require_same(identity, base::open_regular(file), file);
  }
  bool refuses(const fs::path& file) const {
    return error_of([&] { require_same(file); }).kind() == ErrorKind::invalid_argument;
  }

  ScratchDirectory scratch;
  fs::path path = fs::canonical(scratch.path()) / "root.img";
  FileIdentity identity;
  ImageCheck check;
};

TEST_CASE("an image that nobody has touched is the same") {
  const Image image;
  CHECK(image.identity.path == image.path);
  CHECK(image.identity.size == Bytes{kPages * kPageSize});
  CHECK(image.identity.checksum == base::crc32c(base::read_file(image.path, 1_GiB)));
  CHECK(image.identity.modified == std::chrono::seconds(1000));
  CHECK(image.require_same(image.path).inode == image.identity.inode);
}

TEST_CASE("an image that was changed in place is another one, whatever its size") {
  const Image image;
  SECTION("a byte that no sample has") { Image::change_byte(image.path, 500 * kPageSize + 7); }
  SECTION("the same bytes, written anew") { Image::set_modified(image.path, 2000); }
  CHECK(image.refuses(image.path));
}

TEST_CASE("an image that was rebuilt as another file is another one") {
  const Image image;
  const fs::path rebuilt = image.copy("rebuilt");
  SECTION("a byte in the sample, with the old time of modification") {
    Image::change_byte(rebuilt, (kPages - 1) * kPageSize + 7);
    Image::set_modified(rebuilt, 1000);
  }
  SECTION("a byte that no sample has") { Image::change_byte(rebuilt, 500 * kPageSize + 7); }
  SECTION("shorter") { fs::resize_file(rebuilt, (kPages - 1) * kPageSize); }
  CHECK(image.refuses(rebuilt));
}

TEST_CASE("a copy of an image is the same, with its time of modification or without") {
  const Image image;
  const fs::path copy = image.copy("copy");
  const FileIdentity found = image.require_same(copy);
  CHECK(found.path == copy);
  CHECK(found.inode != image.identity.inode);
  CHECK(found.checksum == image.identity.checksum);
  Image::set_modified(copy, 1000);
  CHECK_NOTHROW(image.require_same(copy));
}

TEST_CASE("a copy is read whole once, as long as it stays the same") {
  const Image image;
  const fs::path copy = image.copy("copy");
  Image::set_modified(copy, 3000);
  CHECK_NOTHROW(image.require_same(copy));
  // Changed behind the back of the file system's times: not noticed, so it was not read again.
  Image::change_byte(copy, 500 * kPageSize + 7);
  Image::set_modified(copy, 3000);
  CHECK_NOTHROW(image.require_same(copy));
  Image::set_modified(copy, 4000);
  CHECK(image.refuses(copy));
}

TEST_CASE("an identity of which only size and checksum are known is compared by size") {
  Image image;
  image.identity.modified = Nanoseconds(0);
  Image::set_modified(image.path, 2000);
  CHECK_NOTHROW(image.require_same(image.path));
}

TEST_CASE("a file that is not the image tells nothing of itself") {
  const Image image;
  FileIdentity other = image.identity;
  SECTION("another size") { other.size = {17}; }
  SECTION("another checksum") { other.checksum ^= 1; }
  const Error error = error_of([&] { verify_identity(other); });
  CHECK(error.kind() == ErrorKind::corrupt);
  const std::string text = error.what();
  CHECK(text.find(std::to_string(image.identity.size.value)) == std::string::npos);
  CHECK(text == "verify snapshot: " + image.path.string() +
                    ": is not the file that the snapshot was made with");
}

TEST_CASE("what is no regular file is not read") {
  FileIdentity identity{.path = "/dev/zero", .size = {kPageSize}, .checksum = 0};
  CHECK(test::kind_of([&] { verify_identity(identity); }) == ErrorKind::invalid_argument);
}

}  // namespace
}  // namespace faasnap
