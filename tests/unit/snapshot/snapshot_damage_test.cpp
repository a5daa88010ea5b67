// SPDX-License-Identifier: Apache-2.0

#include <faasnap/snapshot.h>

#include <fcntl.h>
#include <sys/stat.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <fstream>

#include "format/frame.h"
#include "format/manifest.h"
#include "format/page_set_table.h"
#include "format/snapshot_directory.h"
#include "snapshot/opened_snapshot.h"
#include "snapshot/snapshot_fixture.h"

namespace faasnap {
namespace {

using test::error_of;
using test::read_all;
using test::replace_content;
using test::ScratchDirectory;
using test::SyntheticGuest;

// A snapshot to be damaged.
struct Victim {
  ScratchDirectory scratch;
  std::filesystem::path directory = scratch.path() / "victim";
  SyntheticGuest guest;

  Victim() { guest.save_whole(directory); }

  std::filesystem::path file(std::string_view name) const { return directory / name; }
  Error open_error() const {
    return error_of([&] { Snapshot::open(directory); });
  }
  Error verify_error() const {
    return error_of([&] { Snapshot::open(directory).verify(); });
  }
  void flip(std::string_view name, std::uint64_t offset) const {
    const base::UniqueFd fd = base::open_file(file(name), O_RDWR);
    std::byte byte;
    base::read_exact(fd, {&byte, 1}, offset, file(name));
    byte ^= std::byte{0x10};
    base::write_exact(fd, {&byte, 1}, offset, file(name));
  }
  // Changes the sections of the state file and makes every checksum right again.
  template <typename Change>
  void change_sections(Change change) const {
    auto sections = format::decode_state(read_all(file("state")), "state");
    change(sections);
    const auto bytes = format::encode_state(sections);
    replace_content(file("state"), bytes);
    const auto text = read_all(file("manifest"));
    auto manifest = format::decode_manifest(test::text_of(text), "manifest");
    manifest.state = {{bytes.size()}, format::frame_checksum(bytes)};
    const std::string changed = format::encode_manifest(manifest);
    replace_content(file("manifest"), test::bytes_of(changed));
  }
};

bool names(const Error& error, std::string_view word) {
  return std::string_view(error.what()).find(word) != std::string_view::npos;
}

TEST_CASE("a missing file is named") {
  const Victim victim;
  const std::string name = GENERATE("manifest", "state", "memory", "working-set", "touched-set",
                                    "loading-set", "reap-set", "stream-set");
  std::filesystem::remove(victim.file(name));
  const Error error = victim.open_error();
  CHECK(error.kind() == ErrorKind::corrupt);
  CHECK(names(error, name));
}

TEST_CASE("a file that is shorter or longer than it should be is named") {
  const Victim victim;
  const std::string name = GENERATE("manifest", "state", "memory", "working-set", "touched-set",
                                    "loading-set", "reap-set", "stream-set");
  const auto bytes = read_all(victim.file(name));
  const std::size_t length =
      GENERATE_COPY(std::size_t{0}, std::size_t{1}, std::size_t{20}, bytes.size() / 2,
                    bytes.size() - 4096 * (bytes.size() > 4096 ? 1 : 0) - 1, bytes.size() - 1,
                    bytes.size() + 1, bytes.size() + 4096);
  auto changed = bytes;
  changed.resize(length);
  replace_content(victim.file(name), changed);
  const Error error = victim.open_error();
  CHECK(error.kind() == ErrorKind::corrupt);
  CHECK(names(error, victim.file(name).string()));
}

TEST_CASE("every flipped bit in manifest, state and working set is noticed on opening") {
  const Victim victim;
  const std::string name = GENERATE("manifest", "state", "working-set", "touched-set");
  const auto bytes = read_all(victim.file(name));
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    INFO(name << ", byte " << i);
    auto changed = bytes;
    changed[i] ^= std::byte{static_cast<unsigned char>(1 << (i % 8))};
    replace_content(victim.file(name), changed);
    const Error error = victim.open_error();
    REQUIRE((error.kind() == ErrorKind::corrupt || error.kind() == ErrorKind::version));
    REQUIRE(names(error, victim.file(name).string()));
  }
}

TEST_CASE("a flipped bit anywhere in a set's table or its padding is noticed on opening") {
  const Victim victim;
  const std::string name = GENERATE("loading-set", "reap-set", "stream-set");
  const auto bytes = read_all(victim.file(name));
  for (std::size_t i = 0; i < kPageSize; i += i < 300 ? 1 : 97) {
    INFO("byte " << i);
    auto changed = bytes;
    changed[i] ^= std::byte{1};
    replace_content(victim.file(name), changed);
    const Error error = victim.open_error();
    REQUIRE((error.kind() == ErrorKind::corrupt || error.kind() == ErrorKind::version));
    REQUIRE(names(error, victim.file(name).string()));
  }
}

TEST_CASE("a flipped bit anywhere in the image's trailer is noticed on opening") {
  const Victim victim;
  const std::uint64_t trailer = victim.guest.memory().size();
  for (std::size_t i = 0; i < kPageSize; i += i < 100 ? 1 : 97) {
    INFO("byte " << i);
    victim.flip("memory", trailer + i);
    REQUIRE(names(victim.open_error(), victim.file("memory").string()));
    victim.flip("memory", trailer + i);
  }
  CHECK_NOTHROW(Snapshot::open(victim.directory).verify());
}

TEST_CASE("a flipped byte in guest memory is found by verification, which names the chunk") {
  const Victim victim;
  victim.flip("memory", 252 * kPageSize + 17);
  const Error error = victim.verify_error();
  CHECK(error.kind() == ErrorKind::corrupt);
  CHECK(names(error, "chunk 0 "));
}

TEST_CASE("data where the image should be zero is found by verification") {
  const Victim victim;
  victim.flip("memory", 700 * kPageSize);
  const Error error = victim.verify_error();
  CHECK(error.kind() == ErrorKind::corrupt);
  CHECK(names(error, "page 700 "));
}

TEST_CASE("a flipped byte in a set's data is found by verification") {
  const Victim victim;
  const std::string name = GENERATE("loading-set", "reap-set", "stream-set");
  victim.flip(name, kPageSize + 5);
  const Error error = victim.verify_error();
  CHECK(error.kind() == ErrorKind::corrupt);
  CHECK(names(error, victim.file(name).string()));
  CHECK(names(error, "region 0 "));
}

TEST_CASE("a file of another version is told from a damaged one") {
  const Victim victim;
  const std::string name = GENERATE("state", "memory", "working-set", "touched-set", "loading-set",
                                    "reap-set", "stream-set");
  constexpr std::uint64_t kVersionOffset = 8;
  const std::uint64_t frame = name == "memory" ? victim.guest.memory().size() : 0;
  auto bytes = read_all(victim.file(name));
  bytes.at(frame + kVersionOffset) = std::byte{99};
  replace_content(victim.file(name), bytes);
  const Error error = victim.open_error();
  CHECK(error.kind() == ErrorKind::version);
  CHECK(names(error, "version 99, expected"));
}

TEST_CASE("a snapshot of another version is told from a damaged one") {
  const Victim victim;
  auto text = test::text_of(read_all(victim.file("manifest")));
  text.replace(text.find("snapshot 5"), 10, "snapshot 1");
  replace_content(victim.file("manifest"), test::bytes_of(text));
  const Error error = victim.open_error();
  CHECK(error.kind() == ErrorKind::version);
  CHECK(names(error, "snapshot has version '1', expected 2 to 5"));
}

TEST_CASE("a file swapped with another snapshot's is named") {
  const Victim victim;
  const auto other = victim.scratch.path() / "other";
  SyntheticGuest(2).save_whole(other);
  const std::string name = GENERATE("state", "memory", "working-set", "touched-set", "loading-set",
                                    "reap-set", "stream-set");
  replace_content(victim.file(name), read_all(other / name));
  const Error error = victim.open_error();
  CHECK(error.kind() == ErrorKind::corrupt);
  CHECK(names(error, victim.file(name).string()));
}

TEST_CASE("a directory, link or pipe in a file's place is no file of the snapshot") {
  const Victim victim;
  SECTION("directory in a file's place") {
    std::filesystem::remove(victim.file("state"));
    std::filesystem::create_directory(victim.file("state"));
  }
  SECTION("link in a file's place") {
    std::filesystem::rename(victim.file("state"), victim.scratch.path() / "state");
    std::filesystem::create_symlink(victim.scratch.path() / "state", victim.file("state"));
  }
  SECTION("pipe in a file's place") {
    std::filesystem::remove(victim.file("state"));
    REQUIRE(::mkfifo(victim.file("state").c_str(), 0600) == 0);
  }
  CHECK(victim.open_error().kind() == ErrorKind::corrupt);
}

TEST_CASE("the image's table is missed, dated and measured like any section") {
  const Victim victim;
  const auto section = [](std::vector<format::Section>& sections) -> format::Section& {
    return *std::ranges::find(sections, format::kMemorySection, &format::Section::name);
  };
  ErrorKind expected = ErrorKind::corrupt;
  SECTION("missing") {
    victim.change_sections([&](auto& sections) { section(sections).name = "unmemory"; });
  }
  SECTION("of another version") {
    victim.change_sections([&](auto& sections) { section(sections).version = 9; });
    expected = ErrorKind::version;
  }
  SECTION("empty") {
    victim.change_sections([&](auto& sections) { section(sections).bytes.clear(); });
  }
  SECTION("a byte short") {
    victim.change_sections([&](auto& sections) { section(sections).bytes.pop_back(); });
  }
  SECTION("a byte long") {
    victim.change_sections([&](auto& sections) { section(sections).bytes.push_back({}); });
  }
  SECTION("of another memory size") {
    victim.change_sections([&](auto& sections) { section(sections).bytes[2] ^= std::byte{1}; });
  }
  SECTION("with another chunk size") {
    victim.change_sections([&](auto& sections) { section(sections).bytes[8] ^= std::byte{1}; });
  }
  SECTION("with more ranges than bytes") {
    victim.change_sections([&](auto& sections) { section(sections).bytes[15] = std::byte{0xff}; });
  }
  SECTION("with a range out of order") {
    victim.change_sections([&](auto& sections) { section(sections).bytes[16] = std::byte{0xfb}; });
  }
  SECTION("with another number of pages") {
    victim.change_sections([&](auto& sections) { section(sections).bytes[20] = std::byte{1}; });
  }
  const Error error = victim.open_error();
  CHECK(error.kind() == expected);
  CHECK(names(error, victim.file("state").string()));
}

// Puts `bytes` in the place of one file and makes the manifest agree with it.
void replace_on_record(const Victim& victim, std::string_view name,
                       std::span<const std::byte> bytes, std::uint32_t checksum) {
  replace_content(victim.file(name), bytes);
  const auto text = read_all(victim.file("manifest"));
  auto manifest = format::decode_manifest(test::text_of(text), "manifest");
  for (const auto& [file, record] : format::kOptionalFiles) {
    if (file == name) {
      manifest.*record = {{bytes.size()}, checksum};
    }
  }
  const std::string changed = format::encode_manifest(manifest);
  replace_content(victim.file("manifest"), test::bytes_of(changed));
}

TEST_CASE("a stream set with zeros where the image has data is noticed on opening") {
  const Victim victim;
  auto bytes = read_all(victim.file("stream-set"));
  auto table = format::decode_page_set_table(bytes, {bytes.size()}, "stream-set");
  REQUIRE_FALSE(table.zero_runs.empty());
  table.zero_runs[0] = {{258}, table.zero_runs[0].count};
  const auto head = format::encode_page_set_table(table);
  std::ranges::copy(head, bytes.begin());
  replace_on_record(victim, "stream-set", bytes, format::frame_checksum(head));
  const Error error = victim.open_error();
  CHECK(error.kind() == ErrorKind::corrupt);
  CHECK(names(error, "page 258 is zero, but the image has data"));
}

TEST_CASE("a recording in the place of one by the other recorder is named when it is read") {
  const Victim victim;
  const auto bytes = read_all(victim.file("working-set"));
  replace_on_record(victim, "touched-set", bytes, format::frame_checksum(bytes));
  const Error error = victim.verify_error();
  CHECK(error.kind() == ErrorKind::corrupt);
  CHECK(names(error, "the recorder is mincore, expected userfaultfd"));
}

TEST_CASE("a recording with another number of pages than the manifest says is named") {
  const Victim victim;
  const auto bytes = WorkingSet("id", {SyntheticGuest::kPages * kPageSize}, {{{{1}, 1}}}).encode();
  replace_on_record(victim, "working-set", bytes, format::frame_checksum(bytes));
  const Error error = victim.verify_error();
  CHECK(error.kind() == ErrorKind::corrupt);
  CHECK(names(error, "number of pages is 1, expected 14"));
}

}  // namespace
}  // namespace faasnap
