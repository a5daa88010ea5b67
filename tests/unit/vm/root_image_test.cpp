// SPDX-License-Identifier: Apache-2.0

#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <fstream>
#include <string>

#include <faasnap/snapshot.h>
#include <faasnap/vm.h>

#include "support/support.h"
#include "vm/tiny_vm.h"

namespace faasnap {
namespace {

namespace fs = std::filesystem;
using test::error_of;
using test::ScratchDirectory;

// A guest with the disk images/root.img, and its snapshot.
struct Served {
  Served() {
    fs::create_directories(images);
    std::ofstream(image) << std::string(1 << 20, 'r');
    VM vm = test::boot_tiny(scratch.path(), {.root_image = image});
    vm.snapshot(scratch.path() / "s");
  }
  Snapshot open() const { return Snapshot::open(scratch.path() / "s"); }
  VM restore(const RestoreOptions& options) const { return VM::restore(open(), options); }
  Error refusal(const RestoreOptions& options) const {
    return error_of([&] { restore(options); });
  }

  ScratchDirectory scratch;
  fs::path images = fs::canonical(scratch.path()) / "images";
  fs::path image = images / "root.img";
};

TEST_CASE(
    "the file that a snapshot names is a guest's disk only below a directory that was given") {
  const Served served;
  CHECK_NOTHROW(served.restore({.image_directories = {served.images}}));
  CHECK_NOTHROW(served.restore({.image_directories = {"/nowhere", "/"}}));
  const Error none = served.refusal({});
  CHECK(none.kind() == ErrorKind::permission);
  CHECK(none.path() == served.image);
  const Error elsewhere = served.refusal({.image_directories = {served.scratch.path() / "s"}});
  CHECK(elsewhere.kind() == ErrorKind::permission);
}

TEST_CASE("an image that the caller names needs no directory") {
  const Served served;
  CHECK_NOTHROW(served.restore({.root_image = served.image}));
  const fs::path link = served.scratch.path() / "link";
  fs::create_symlink(served.image, link);
  CHECK_NOTHROW(served.restore({.root_image = link}));
}

TEST_CASE("an image that was rebuilt in place is refused by name") {
  const Served served;
  std::fstream(served.image, std::ios::in | std::ios::out).seekp(300'000) << 'x';
  const Error error = served.refusal({.image_directories = {served.images}});
  CHECK(error.kind() == ErrorKind::invalid_argument);
  CHECK(error.path() == served.image);
  CHECK(served.refusal({.root_image = served.image}).kind() == ErrorKind::invalid_argument);
}

TEST_CASE("no snapshot is made of a guest whose image was rebuilt since it was booted") {
  const Served served;
  VM vm = test::boot_tiny(served.scratch.path(), {.root_image = served.image});
  std::fstream(served.image, std::ios::in | std::ios::out).seekp(300'000) << 'x';
  const Error error = error_of([&] { vm.snapshot(served.scratch.path() / "t"); });
  CHECK(error.kind() == ErrorKind::corrupt);
  CHECK(error.path() == served.image);
}

TEST_CASE("an image of another size is refused by name") {
  const Served served;
  std::ofstream(served.image, std::ios::app) << std::string(512, 'x');
  const Error error = served.refusal({.image_directories = {served.images}});
  CHECK(error.kind() == ErrorKind::invalid_argument);
  CHECK(error.path() == served.image);
}

}  // namespace
}  // namespace faasnap
