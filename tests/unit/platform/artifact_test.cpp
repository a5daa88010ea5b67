// SPDX-License-Identifier: Apache-2.0

#include <sys/stat.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "artifact/directory.h"
#include "artifact/listener.h"
#include "artifact/parameters.h"
#include "artifact/restore_choice.h"
#include "base/error.h"
#include "base/random_id.h"
#include "support/support.h"

namespace platform::artifact {
namespace {

namespace fs = std::filesystem;
using Catch::Matchers::StartsWith;
using faasnap::Setting;
using Recording = RestoreChoice::Recording;

constexpr SnapshotSets kRecorded{.layers = 3};

void check_refused(const MemoryFlags& flags, const char* says,
                   const SnapshotSets& sets = kRecorded) {
  CHECK_THROWS_WITH(choose_restore(flags, sets), StartsWith(says));
}

TEST_CASE("the flags of the evaluation's settings choose the library's settings") {
  CHECK(choose_restore({.use_mem_file = true}, {}).setting == Setting::lazy);
  CHECK(choose_restore({.use_mem_file = true, .load_mincore = {1, 2, 3}}, kRecorded).setting ==
        Setting::concurrent);
  CHECK(choose_restore({.overlay_regions = true, .load_mincore = {3, 2, 1}}, kRecorded).setting ==
        Setting::per_region);
  CHECK(choose_restore({.overlay_regions = true, .use_ws_file = true, .load_mincore = {1, 2, 3}},
                       kRecorded)
            .setting == Setting::faasnap);
  const RestoreChoice first = choose_restore({.enable_reap = true}, {});
  CHECK((first.setting == Setting::lazy && first.recording == Recording::reap));
  const RestoreChoice later = choose_restore({.enable_reap = true}, {.has_reap_set = true});
  CHECK((later.setting == Setting::reap && later.recording == Recording::none));
}

TEST_CASE("a snapshot is recorded by mincore if it has no recording") {
  const RestoreChoice sized = choose_restore({.use_mem_file = true, .mincore_size = 512}, {});
  CHECK((sized.recording == Recording::mincore && sized.layer_pages == 512));
  const RestoreChoice timed = choose_restore({.use_mem_file = true, .mincore = 100}, {});
  CHECK((timed.recording == Recording::mincore && timed.layer_pages == 1024));
  const RestoreChoice again =
      choose_restore({.use_mem_file = true, .mincore_size = 512}, kRecorded);
  CHECK(again.recording == Recording::none);
}

TEST_CASE("flags that mean no setting are refused by their names") {
  check_refused({}, "use_mem_file, overlay_regions, enableReap: ");
  check_refused({.use_mem_file = true, .overlay_regions = true}, "use_mem_file: ");
  check_refused({.use_mem_file = true, .use_ws_file = true}, "use_ws_file: ");
  check_refused({.overlay_regions = true}, "overlay_regions: ");
  check_refused({.overlay_regions = true, .use_ws_file = true, .vmm_load_ws = true},
                "vmm_load_ws: ");
  check_refused({.use_mem_file = true, .enable_reap = true}, "enableReap: ");
  check_refused({.enable_reap = true, .mincore_size = 1}, "enableReap: ");
  check_refused({.use_ws_file = true, .enable_reap = true}, "enableReap: ");
  check_refused({.use_mem_file = true, .mincore = 1, .mincore_size = 1}, "mincore, mincore_size: ");
  check_refused({.use_mem_file = true, .mincore_size = -1}, "mincore_size -1: ");
  check_refused({.overlay_regions = true, .use_ws_file = true, .mincore_size = 1},
                "mincore_size: ", {});
  check_refused({.use_mem_file = true, .load_mincore = {1}}, "loadMincore: the snapshot has no",
                {});
  const std::vector<std::vector<std::int64_t>> incomplete = {
      {1, 2}, {1, 2, 4}, {0, 1, 2}, {1, 2, 3, 4}};
  for (const auto& layers : incomplete) {
    check_refused({.use_mem_file = true, .load_mincore = layers}, "loadMincore: expected every");
  }
}

TEST_CASE("a path that a client names stays below the directory") {
  const faasnap::test::ScratchDirectory scratch;
  fs::create_directories(scratch.path() / "held" / "inner");
  fs::create_directory(scratch.path() / "held-not");
  fs::create_directory_symlink(scratch.path(), scratch.path() / "held" / "out");
  const Directory directory(scratch.path() / "held");
  const std::string held = directory.path();
  CHECK(directory.confine("m", held + "/a") == directory.path() / "a");
  CHECK(directory.confine("m", held + "/inner/../inner/a") == directory.path() / "inner" / "a");
  for (const std::string& path :
       {std::string(), std::string("a"), held, held + "/", held + "/..", held + "/../a",
        held + "/out/a", held + "-not/a", held + "/none/a", held + "/inner/../../a",
        held + std::string("/a\0b", 4), std::string("/etc/passwd")}) {
    CAPTURE(path);
    CHECK_THROWS_WITH(directory.confine("mem_file_path", path), StartsWith("mem_file_path '"));
  }
}

TEST_CASE("room is made by removing a file, and never a directory that is no snapshot") {
  const faasnap::test::ScratchDirectory scratch;
  const fs::path path = scratch.path() / "Full.memfile";
  make_room("m", path);
  std::ofstream(path) << "left by the artifact";
  make_room("m", path);
  CHECK_FALSE(fs::exists(path));
  fs::create_directory(path);
  std::ofstream(path / "precious") << "text";
  CHECK_THROWS_AS(make_room("m", path), RequestError);
  CHECK(fs::exists(path / "precious"));
}

TEST_CASE("a copy has the same bytes, the same holes and files of its own") {
  const faasnap::test::ScratchDirectory scratch;
  const fs::path from = scratch.path() / "from";
  fs::create_directory(from);
  std::ofstream(from / "empty").close();
  {
    std::ofstream file(from / "memory");
    file << "begin";
    file.seekp(8 << 20);
    file << "end";
  }
  fs::resize_file(from / "memory", 16 << 20);
  const fs::path to = scratch.path() / "to";
  copy_snapshot(from, to);
  CHECK(fs::file_size(to / "empty") == 0);
  CHECK(fs::file_size(to / "memory") == 16 << 20);
  std::ifstream file(to / "memory");
  std::string text(5, ' ');
  file.read(text.data(), 5);
  CHECK(text == "begin");
  file.seekg(8 << 20);
  file.read(text.data(), 3);
  CHECK(text.substr(0, 3) == "end");
  struct stat status {};
  REQUIRE(::stat((to / "memory").c_str(), &status) == 0);
  CHECK(status.st_blocks * 512 < 1 << 20);
  CHECK(status.st_nlink == 1);
  // What is there is not written over.
  CHECK_THROWS(copy_snapshot(from, to));
}

TEST_CASE("the artifact's parameters get the names and types of this project's functions") {
  CHECK(translate_parameters(
            "image", R"({"input_object_key": "100", "output_object_key_prefix": "out-"})") ==
        R"({"input":"100"})");
  CHECK(translate_parameters("chameleon", R"({"num_of_rows": "700", "num_of_cols": 400})") ==
        R"({"rows":700,"columns":400})");
  CHECK(translate_parameters("matmul", R"({"n": "2000", "seed": 3})") == R"({"n":2000,"seed":3})");
  CHECK(translate_parameters("matmul", R"({"n": "many"})") == R"({"n":"many"})");
  // Others are left as they are, to the byte.
  for (const char* params : {R"({ "size": "10" })", "[1, 2]", "{}", R"({"script": "x = 1"})"}) {
    CHECK(translate_parameters("exec", params) == params);
  }
  CHECK(translate_parameters("json", R"({ "input": "json-13k" })") == R"({ "input": "json-13k" })");
}

TEST_CASE("an address is a host and a port") {
  const Address plain = parse_address("127.0.0.1:8080");
  CHECK((plain.host == "127.0.0.1" && plain.port == 8080));
  const Address six = parse_address("[::1]:0");
  CHECK((six.host == "::1" && six.port == 0));
  for (const char* text : {"", "8080", ":8080", "host:", "host:80x", "host:65536", "host:-1"}) {
    CAPTURE(text);
    CHECK_THROWS_AS(parse_address(text), std::runtime_error);
  }
}

TEST_CASE("random words have as many letters and digits as asked for, and differ") {
  std::set<std::string> words;
  for (int i = 0; i < 1000; ++i) {
    const std::string word = random_word(8);
    CHECK(word.size() == 8);
    CHECK(std::ranges::all_of(word, [](unsigned char c) { return std::isalnum(c) != 0; }));
    words.insert(word);
  }
  CHECK(words.size() == 1000);
}

}  // namespace
}  // namespace platform::artifact
