// SPDX-License-Identifier: Apache-2.0

#include "format/manifest.h"

#include <fmt/format.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include "base/checksum.h"
#include "support/support.h"

namespace faasnap::format {
namespace {

using test::error_of;

Manifest example_manifest() {
  Manifest manifest;
  SnapshotInfo& info = manifest.info;
  info.format_version = kSnapshotVersion;
  info.id = "00112233445566778899aabbccddeeff";
  info.created = Nanoseconds(1'700'000'000'000'000'001);
  info.memory = 2_GiB;
  info.vcpus = 2;
  info.kernel = {"/boot/vmlinuz = odd name", {8'000'000}, 0x01234567};
  info.root_image = {"/images/root.erofs",
                     {600'000'000},
                     0xffffffff,
                     0x89abcdef,
                     Nanoseconds(1'600'000'000'000'000'003),
                     UINT64_MAX};
  info.labels = {{"function", "json"}, {"note", " spaces  and = signs "}, {"empty", ""}};
  info.nonzero_pages = 38'400;
  info.working_set_pages = 9'000;
  info.loading_set_regions = 321;
  info.loading_set_pages = 10'000;
  info.touched_pages = 9'999;
  info.stream_set_pages = 6'000;
  info.stream_set_zero_pages = 3'999;
  info.thresholds = {0, 4};
  manifest.state = {{12'345}, 0xdeadbeef};
  manifest.memory = {{(2ULL << 30) + kPageSize}, 0};
  manifest.working_set = {{99}, 1};
  manifest.touched_set = {{100}, 5};
  manifest.loading_set = {{8192}, 2};
  manifest.reap_set = {{12'288}, 3};
  manifest.stream_set = {{16'384}, 4};
  return manifest;
}

// `body` with a last line that fits it.
std::string sealed(const std::string& body) {
  return fmt::format("{}crc32c = {:08x}\n", body, base::crc32c(test::bytes_of(body)));
}

// The lines of the example before the last one.
std::string example_body() {
  const std::string text = encode_manifest(example_manifest());
  return text.substr(0, text.rfind("crc32c = "));
}

std::string replaced(std::string text, std::string_view what, std::string_view with) {
  const auto at = text.find(what);
  REQUIRE(at != std::string::npos);
  return text.replace(at, what.size(), with);
}

Error rejected(const std::string& text) {
  return error_of([&] { decode_manifest(text, "dir/manifest"); });
}

TEST_CASE("a manifest comes back as it was written") {
  const Manifest written = example_manifest();
  const Manifest read = decode_manifest(encode_manifest(written), "m");
  CHECK(read.info.id == written.info.id);
  CHECK(read.info.created == written.info.created);
  CHECK(read.info.memory == written.info.memory);
  CHECK(read.info.vcpus == written.info.vcpus);
  CHECK(read.info.kernel.path == written.info.kernel.path);
  CHECK(read.info.kernel.size == written.info.kernel.size);
  CHECK(read.info.kernel.checksum == written.info.kernel.checksum);
  CHECK(read.info.initramfs.path.empty());
  CHECK(read.info.kernel.modified == Nanoseconds(0));
  CHECK(read.info.root_image.checksum == 0xffffffff);
  CHECK(read.info.root_image.sample == 0x89abcdef);
  CHECK(read.info.root_image.modified == Nanoseconds(1'600'000'000'000'000'003));
  CHECK(read.info.root_image.inode == UINT64_MAX);
  CHECK(read.info.labels == written.info.labels);
  CHECK(read.info.thresholds.merge_gap_pages == 0);
  CHECK(read.info.thresholds.minimum_pages == 4);
  CHECK(read.state == written.state);
  CHECK(read.memory == written.memory);
  CHECK(read.working_set == written.working_set);
  CHECK(read.touched_set == written.touched_set);
  CHECK(read.loading_set == written.loading_set);
  CHECK(read.reap_set == written.reap_set);
  CHECK(read.stream_set == written.stream_set);
  CHECK(read.info.touched_pages == 9'999);
  CHECK(read.info.stream_set_pages == 6'000);
  CHECK(read.info.stream_set_zero_pages == 3'999);
  CHECK(encode_manifest(read) == encode_manifest(written));
}

TEST_CASE("a manifest begins with its format's name and version, for people to read") {
  CHECK(encode_manifest(example_manifest()).starts_with("faasnap snapshot 5\nid = 0011"));
}

TEST_CASE("every key but those of absent files is required, once") {
  const std::string body = example_body();
  std::size_t begin = body.find('\n') + 1;
  int required = 0;
  while (begin < body.size()) {
    const std::size_t end = body.find('\n', begin) + 1;
    const std::string line = body.substr(begin, end - begin);
    INFO(line);
    CHECK(rejected(sealed(body + line)).kind() == ErrorKind::corrupt);
    const bool optional = line.starts_with("label.");
    if (!optional) {
      CHECK(rejected(sealed(replaced(body, line, ""))).kind() == ErrorKind::corrupt);
      ++required;
    }
    begin = end;
  }
  CHECK(required == 36);
}

TEST_CASE("an unknown key is rejected by name") {
  const Error error = rejected(sealed(example_body() + "colour = red\n"));
  CHECK(error.kind() == ErrorKind::corrupt);
  CHECK(std::string(error.what()).find("'colour' is unknown") != std::string::npos);
}

TEST_CASE("a number has one spelling only") {
  const std::string wrong = GENERATE("", " 2", "2 ", "+2", "-2", "02", "0x2", "2.0", "two",
                                     "4294967296", "18446744073709551616");
  CHECK(
      rejected(sealed(replaced(example_body(), "vcpus = 2\n", "vcpus = " + wrong + "\n"))).kind() ==
      ErrorKind::corrupt);
}

TEST_CASE("a checksum is eight lower-case hexadecimal digits") {
  const std::string wrong = GENERATE("DEADBEEF", "deadbee", "0deadbeef", "deadbeeg", "");
  CHECK(rejected(sealed(replaced(example_body(), "deadbeef", wrong))).kind() == ErrorKind::corrupt);
}

TEST_CASE("sizes that no guest can have are rejected") {
  const std::string wrong = GENERATE("0", "4097", "9223372036854775807");
  CHECK(rejected(sealed(replaced(example_body(), "2147483648", wrong))).kind() ==
        ErrorKind::corrupt);
}

TEST_CASE("a layer's manifest names its base and says how much it keeps itself") {
  Manifest manifest = example_manifest();
  manifest.info.base = BaseIdentity{"base of it", 0xcafe0001};
  manifest.info.stored_pages = 400;
  const std::string text = encode_manifest(manifest);
  const SnapshotInfo read = decode_manifest(text, "manifest").info;
  CHECK(read.base == manifest.info.base);
  CHECK(read.stored_pages == 400);
  CHECK(read.nonzero_pages == 38'400);
  const std::string body = text.substr(0, text.rfind("crc32c = "));
  CHECK(rejected(sealed(replaced(body, "snapshot 5", "snapshot 3"))).kind() == ErrorKind::corrupt);
  CHECK(rejected(sealed(replaced(body, "stored_pages = 400", "stored_pages = 38401"))).kind() ==
        ErrorKind::corrupt);
  CHECK(rejected(sealed(replaced(body, "base.id = base of it", "base.id = "))).kind() ==
        ErrorKind::corrupt);
  CHECK(rejected(sealed(replaced(body, "base.id = base of it\n", ""))).kind() ==
        ErrorKind::corrupt);
}

TEST_CASE("a manifest of versions 3 and 4 is written as it was read: its signature stays good") {
  for (const std::string version : {"snapshot 3", "snapshot 4"}) {
    const std::string text = sealed(replaced(example_body(), "snapshot 5", version));
    CHECK(encode_manifest(decode_manifest(text, "manifest")) == text);
  }
}

TEST_CASE("a manifest that names disks has version 5, and says how large they are") {
  Manifest manifest = example_manifest();
  manifest.disks = {{5 * kPageSize}, 17};
  const std::string text = encode_manifest(manifest);
  const Manifest read = decode_manifest(text, "manifest");
  CHECK(read.disks == manifest.disks);
  CHECK(read.info.disks == Bytes{4 * kPageSize});
  CHECK(decode_manifest(encode_manifest(example_manifest()), "manifest").info.disks == Bytes{});
  manifest.info.format_version = 4;
  CHECK(encode_manifest(manifest) == text);
  const std::string body = text.substr(0, text.rfind("crc32c = "));
  CHECK(rejected(sealed(replaced(body, "snapshot 5", "snapshot 4"))).kind() == ErrorKind::corrupt);
  CHECK(rejected(sealed(replaced(body, "disks.bytes = 20480", "disks.bytes = 4096"))).kind() ==
        ErrorKind::corrupt);
  CHECK(rejected(sealed(replaced(body, "disks.bytes = 20480", "disks.bytes = 20481"))).kind() ==
        ErrorKind::corrupt);
}

TEST_CASE("a snapshot without a base keeps all of its pages") {
  const SnapshotInfo read = decode_manifest(encode_manifest(example_manifest()), "manifest").info;
  CHECK_FALSE(read.base);
  CHECK(read.stored_pages == read.nonzero_pages);
}

TEST_CASE("another version is ErrorKind::version, whatever follows") {
  CHECK(rejected("faasnap snapshot 1\nanything").kind() == ErrorKind::version);
  CHECK(rejected("faasnap snapshot 6\nanything").kind() == ErrorKind::version);
  CHECK(rejected("faasnap snapshot 22\n").kind() == ErrorKind::version);
  CHECK(rejected("faasnap snapshot 5 \n").kind() == ErrorKind::version);
}

TEST_CASE("the version before is read, and knows nothing of a file but its content") {
  Manifest manifest = example_manifest();
  const std::string with_stamp = replaced(example_body(), "snapshot 5", "snapshot 2");
  CHECK(rejected(sealed(with_stamp)).kind() == ErrorKind::corrupt);
  manifest.info.root_image.modified = Nanoseconds(0);
  const std::string text = encode_manifest(manifest);
  const std::string body =
      replaced(text.substr(0, text.rfind("crc32c = ")), "snapshot 5", "snapshot 2");
  const Manifest read = decode_manifest(sealed(body), "m");
  CHECK(read.info.format_version == 2);
  CHECK(read.info.root_image.checksum == 0xffffffff);
  CHECK(read.info.root_image.modified == Nanoseconds(0));
  CHECK(encode_manifest(read) == text);
}

TEST_CASE("text that is no manifest is corrupt") {
  const std::string text =
      GENERATE(as<std::string>{}, "", "\n", "faasnap snapshot 5", "faasnap snapshot 5\n",
               "faasnap snapshot 5\ncrc32c = 00000000\n", "crc32c = 00000000\n", "\x7f\x45LF");
  CHECK(rejected(text).kind() == ErrorKind::corrupt);
}

TEST_CASE("lines without a key, and control characters, are corrupt") {
  const std::string line = GENERATE(as<std::string>{}, "\n", "key\n", " = value\n", "key=value\n",
                                    "label.a\r = b\n", "label.a = b\r\n", "LABEL.a = b\n");
  CHECK(rejected(sealed(example_body() + line)).kind() == ErrorKind::corrupt);
}

TEST_CASE("a manifest cut short anywhere is corrupt") {
  const std::string text = encode_manifest(example_manifest());
  for (std::size_t length = 0; length < text.size(); ++length) {
    INFO(length);
    // Within the version's digits, a shorter one is another version.
    const ErrorKind kind = rejected(text.substr(0, length)).kind();
    REQUIRE((kind == ErrorKind::corrupt || (kind == ErrorKind::version && length < 18)));
  }
}

TEST_CASE("a manifest over the limit is neither written nor read") {
  Manifest manifest = example_manifest();
  manifest.info.labels["big"] = std::string(kMaximumManifest.value, 'x');
  CHECK(error_of([&] { encode_manifest(manifest); }).kind() == ErrorKind::invalid_argument);
  CHECK(rejected(std::string(kMaximumManifest.value + 1, 'x')).kind() == ErrorKind::corrupt);
}

TEST_CASE("what would break a line is not written") {
  Manifest manifest = example_manifest();
  SECTION("a path") { manifest.info.kernel.path = "/boot/a\nvcpus = 8"; }
  SECTION("a label") { manifest.info.labels["a"] = "b\nc"; }
  SECTION("a label's name") { manifest.info.labels["a = b"] = "c"; }
  SECTION("an empty label name") { manifest.info.labels[""] = "c"; }
  CHECK(error_of([&] { encode_manifest(manifest); }).kind() == ErrorKind::invalid_argument);
}

}  // namespace
}  // namespace faasnap::format
