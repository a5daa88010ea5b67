// SPDX-License-Identifier: Apache-2.0

#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <fstream>
#include <vector>

#include <faasnap/snapshot.h>

#include "support/support.h"

namespace faasnap {
namespace {

namespace fs = std::filesystem;
using test::error_of;
using test::ScratchDirectory;

// images/root.img, and secret beside the directory.
struct Files {
  Files() {
    fs::create_directories(images / "old");
    for (const fs::path& file : {images / "root.img", images / "old" / "root.img", secret}) {
      std::ofstream(file) << "content";
    }
  }
  fs::path find(const fs::path& file) const {
    const std::vector<fs::path> directories{images};
    return find_image({.path = file}, directories);
  }
  ErrorKind refusal_of(const fs::path& file) const {
    return test::kind_of([&] { find(file); });
  }

  ScratchDirectory scratch;
  fs::path images = fs::canonical(scratch.path()) / "images";
  fs::path secret = fs::canonical(scratch.path()) / "secret";
};

TEST_CASE("an image below a directory of images is found") {
  const Files files;
  CHECK(files.find(files.images / "root.img") == files.images / "root.img");
  CHECK(files.find(files.images / "old" / "root.img") == files.images / "old" / "root.img");
  CHECK(files.find(files.images / "old" / ".." / "root.img") == files.images / "root.img");
}

TEST_CASE("a file elsewhere is refused, however it is named") {
  const Files files;
  CHECK(files.refusal_of(files.secret) == ErrorKind::permission);
  CHECK(files.refusal_of(files.images / ".." / "secret") == ErrorKind::permission);
  fs::create_symlink(files.secret, files.images / "link");
  CHECK(files.refusal_of(files.images / "link") == ErrorKind::permission);
  fs::create_directory_symlink(files.scratch.path(), files.images / "up");
  CHECK(files.refusal_of(files.images / "up" / "secret") == ErrorKind::permission);
  // A directory whose name begins alike.
  const fs::path alike = files.images.string() + "-of-others";
  fs::create_directories(alike);
  std::ofstream(alike / "root.img") << "content";
  CHECK(files.refusal_of(alike / "root.img") == ErrorKind::permission);
}

TEST_CASE("the error names the image and every directory that was looked in") {
  const Files files;
  const std::vector<fs::path> directories{files.images, "/nowhere"};
  const Error error = error_of([&] { find_image({.path = files.secret}, directories); });
  CHECK(error.path() == files.secret);
  CHECK(std::string(error.what()).find(files.images.string() + ", /nowhere") != std::string::npos);
  CHECK(test::kind_of([&] { find_image({.path = files.secret}, {}); }) == ErrorKind::permission);
}

TEST_CASE("a directory that is a link stands for the one that it leads to, and / for every one") {
  const Files files;
  const fs::path link = files.scratch.path() / "current";
  fs::create_directory_symlink(files.images, link);
  const std::vector<fs::path> linked{link};
  CHECK(find_image({.path = files.images / "root.img"}, linked) == files.images / "root.img");
  CHECK(find_image({.path = link / "root.img"}, linked) == files.images / "root.img");
  const std::vector<fs::path> all{"/"};
  CHECK(find_image({.path = files.secret}, all) == files.secret);
}

TEST_CASE("an image that does not exist is not found") {
  const Files files;
  CHECK(files.refusal_of(files.images / "none") == ErrorKind::not_found);
}

}  // namespace
}  // namespace faasnap
