// SPDX-License-Identifier: Apache-2.0

#include <faasnap/directory_store.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cerrno>
#include <chrono>
#include <fstream>
#include <set>
#include <thread>
#include <vector>

#include "store/object_path.h"
#include "support/support.h"

namespace faasnap {
namespace {

using store::object_path;
using test::bytes_of;
using test::error_of;
using test::ScratchDirectory;
using test::text_of;

TEST_CASE("an object that was set is got back, byte for byte") {
  const ScratchDirectory scratch;
  DirectoryStore store(scratch.path() / "made" / "on demand");
  std::string value;
  for (int i = 0; i < 100'000; ++i) {
    value += static_cast<char>(i * 7);
  }
  store.set("input/1.json", bytes_of(value));
  REQUIRE(store.get("input/1.json").has_value());
  CHECK(text_of(*store.get("input/1.json")) == value);
  CHECK(store.size("input/1.json") == Bytes{100'000});
}

TEST_CASE("an empty value is an object like any other") {
  const ScratchDirectory scratch;
  DirectoryStore store(scratch.path());
  store.set("k", {});
  REQUIRE(store.get("k").has_value());
  CHECK(store.get("k")->empty());
  CHECK(store.remove("k"));
}

TEST_CASE("setting an object again replaces the value and leaves no other file") {
  const ScratchDirectory scratch;
  DirectoryStore store(scratch.path());
  store.set("k", bytes_of("a longer value"));
  store.set("k", bytes_of("new"));
  CHECK(text_of(*store.get("k")) == "new");
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(scratch.path())) {
    files += entry.is_regular_file();
  }
  CHECK(files == 1);
}

TEST_CASE("what a killed writer has left is removed, and what is being written is not") {
  const ScratchDirectory scratch;
  const auto pending = scratch.path() / ".new";
  std::filesystem::create_directory(pending);
  std::ofstream(pending / ".new-old") << "left behind";
  std::ofstream(pending / ".new-young") << "under way";
  std::filesystem::last_write_time(
      pending / ".new-old", std::filesystem::file_time_type::clock::now() - std::chrono::hours(2));
  const DirectoryStore store(scratch.path());
  CHECK_FALSE(std::filesystem::exists(pending / ".new-old"));
  CHECK(std::filesystem::exists(pending / ".new-young"));
  CHECK(store.list().empty());
}

TEST_CASE(
    "a value that would take what is kept of the file system is refused, and leaves nothing") {
  const ScratchDirectory scratch;
  DirectoryStore store(scratch.path(), ObjectStore::kMaximumValue + Bytes{1ULL << 60});
  CHECK(error_of([&] { store.set("k", bytes_of("v")); }).kind() == ErrorKind::no_space);
  CHECK(store.list().empty());
  CHECK(std::filesystem::is_empty(scratch.path() / ".new"));
}

TEST_CASE("a source that fails leaves the old value, and no file") {
  const ScratchDirectory scratch;
  DirectoryStore store(scratch.path());
  store.set("k", bytes_of("before"));
  unsigned pieces = 0;
  const auto fail_late = [&](std::span<std::byte>) {
    if (++pieces == 3) {
      throw Error(ErrorKind::guest, "read value", "", "gone");
    }
  };
  CHECK(error_of([&] { store.write("k", 1_MiB, fail_late); }).kind() == ErrorKind::guest);
  CHECK(text_of(*store.get("k")) == "before");
  CHECK(std::filesystem::is_empty(scratch.path() / ".new"));
}

TEST_CASE("a removed object is gone, and removing it again says so") {
  const ScratchDirectory scratch;
  DirectoryStore store(scratch.path());
  store.set("k", bytes_of("v"));
  CHECK(store.remove("k"));
  CHECK_FALSE(store.remove("k"));
  CHECK_FALSE(store.get("k").has_value());
  CHECK_FALSE(store.size("k").has_value());
}

TEST_CASE("a file put into the directory under a plain name is found under that name") {
  const ScratchDirectory scratch;
  std::ofstream(scratch.path() / "json-1.json") << "{}";
  CHECK(text_of(*DirectoryStore(scratch.path()).get("json-1.json")) == "{}");
}

TEST_CASE("keys that look like paths stay inside the directory") {
  const ScratchDirectory scratch;
  DirectoryStore store(scratch.path() / "store");
  for (const char* key : {".", "..", "../escape", "/etc/passwd", "a/../../b", "~", ".hidden"}) {
    store.set(key, bytes_of(key));
    CHECK(text_of(*store.get(key)) == key);
  }
  const std::filesystem::directory_iterator outside(scratch.path());
  CHECK(std::distance(begin(outside), end(outside)) == 1);
}

TEST_CASE("every byte and length of key has a file of its own") {
  std::set<std::filesystem::path> files;
  std::size_t keys = 0;
  const auto add = [&](std::string_view key) {
    files.insert(object_path(key));
    ++keys;
  };
  for (int byte = 0; byte < 256; ++byte) {
    add(std::string(1, static_cast<char>(byte)));
  }
  for (std::size_t length = 2; length <= ObjectStore::kMaximumKey; ++length) {
    add(std::string(length, 'a'));
    add(std::string(length, '.'));
    add(std::string(length, '\xff'));
  }
  add("%2E");
  add("a%");
  add("A");
  CHECK(files.size() == keys - 1);  // "A" was among the single bytes
}

TEST_CASE("the file of one key is never the directory of another") {
  const ScratchDirectory scratch;
  DirectoryStore store(scratch.path());
  for (std::size_t length = 1; length <= ObjectStore::kMaximumKey; length += 1) {
    store.set(std::string(length, '.'), bytes_of(std::to_string(length)));
  }
  for (std::size_t length = 1; length <= ObjectStore::kMaximumKey; length += 1) {
    CHECK(text_of(*store.get(std::string(length, '.'))) == std::to_string(length));
  }
}

TEST_CASE("no name of an object's path exceeds what file systems take, or begins with a dot") {
  for (const char byte : {'a', '.', '\xff'}) {
    for (const auto& name : object_path(std::string(ObjectStore::kMaximumKey, byte))) {
      CHECK(name.native().size() <= 255);
      CHECK(name.native().front() != '.');
    }
  }
}

TEST_CASE("an empty or overlong key is an invalid argument") {
  const ScratchDirectory scratch;
  const DirectoryStore store(scratch.path());
  CHECK(error_of([&] { store.get(""); }).kind() == ErrorKind::invalid_argument);
  CHECK(error_of([&] { store.get(std::string(513, 'k')); }).kind() == ErrorKind::invalid_argument);
}

TEST_CASE("a directory in an object's place is an error that names it") {
  const ScratchDirectory scratch;
  std::filesystem::create_directory(scratch.path() / "k");
  DirectoryStore store(scratch.path());
  CHECK(error_of([&] { store.get("k"); }).path() == scratch.path() / "k");
  CHECK_THROWS_AS(store.set("k", bytes_of("v")), Error);
  CHECK_THROWS_AS(store.remove("k"), Error);
}

TEST_CASE("a store below a file cannot be made") {
  const ScratchDirectory scratch;
  std::ofstream(scratch.path() / "file") << "x";
  const Error error = error_of([&] { DirectoryStore(scratch.path() / "file" / "store"); });
  CHECK(error.error_number() == ENOTDIR);
  CHECK(error.path() == scratch.path() / "file" / "store");
}

TEST_CASE("readers see a whole value while writers replace it") {
  const ScratchDirectory scratch;
  const std::string values[] = {std::string(50'000, 'a'), std::string(70'000, 'b')};
  DirectoryStore(scratch.path()).set("k", bytes_of(values[0]));
  std::vector<std::thread> writers;
  for (const std::string& value : values) {
    writers.emplace_back([&scratch, &value] {
      DirectoryStore store(scratch.path());
      for (int i = 0; i < 100; ++i) {
        store.set("k", bytes_of(value));
      }
    });
  }
  bool whole = true;
  for (int i = 0; i < 200; ++i) {
    const std::string seen = text_of(*DirectoryStore(scratch.path()).get("k"));
    whole = whole && (seen == values[0] || seen == values[1]);
  }
  for (std::thread& writer : writers) {
    writer.join();
  }
  CHECK(whole);
}

TEST_CASE("a value is read in pieces, and only when there is one") {
  const ScratchDirectory scratch;
  DirectoryStore store(scratch.path());
  const std::string value(3 << 20, 'v');
  store.set("k", bytes_of(value));
  std::string got;
  std::size_t pieces = 0;
  CHECK(store.read("k", [&](std::span<const std::byte> piece, Bytes total) {
    CHECK(total == Bytes{value.size()});
    got += text_of(piece);
    ++pieces;
  }));
  CHECK((got == value));
  CHECK(pieces > 1);
  CHECK_FALSE(store.read("none", [](auto, Bytes) { FAIL("there is nothing to read"); }));
}

TEST_CASE("a transfer into the store that is given up changes nothing") {
  const ScratchDirectory scratch;
  DirectoryStore store(scratch.path());
  store.set("k", bytes_of("before"));
  CHECK(error_of([&] {
          store.set("k", bytes_of("after"), [](Bytes, Bytes) { return false; });
        }).kind() == ErrorKind::cancelled);
  CHECK(text_of(*store.get("k")) == "before");
  CHECK(store.list().size() == 1);
}

TEST_CASE("the objects that match are listed by key with their sizes, and nothing else is") {
  const ScratchDirectory scratch;
  DirectoryStore store(scratch.path());
  const std::string odd("/ %2f\0~\r\n", 10);
  const std::string longest(512, '/');
  for (const std::string& key : {std::string("b"), std::string("a"), odd, longest,
                                 std::string(".hidden"), std::string("dir/a")}) {
    store.set(key, bytes_of(key));
  }
  std::ofstream(scratch.path() / ".new-0123") << "left behind";
  std::ofstream(scratch.path() / "not a key's") << "somebody's";
  const auto all = store.list();
  std::set<std::string> keys;
  for (const ObjectInfo& object : all) {
    keys.insert(object.key);
    CHECK(object.size == Bytes{object.key.size()});
  }
  CHECK(all.size() == 6);
  CHECK(keys == std::set<std::string>{"a", "b", odd, longest, ".hidden", "dir/a"});
  CHECK(std::ranges::is_sorted(all, {}, &ObjectInfo::key));
  const auto some = store.list("*a");
  REQUIRE(some.size() == 2);
  CHECK(some[0].key == "a");
  CHECK(some[1].key == "dir/a");
}

TEST_CASE("the key of a path is that whose path it is") {
  for (const std::string& key : {std::string("a"), std::string("%"), std::string(".."),
                                 std::string(300, '.'), std::string("a\0b", 3)}) {
    CHECK(store::object_key(object_path(key)) == key);
  }
  for (const char* path : {"%zz", "%2", "a b", ".a", "%61", "a~/b", "~", ""}) {
    INFO(path);
    CHECK_FALSE(store::object_key(path));
  }
}

}  // namespace
}  // namespace faasnap
