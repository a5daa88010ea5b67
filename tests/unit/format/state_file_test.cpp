// SPDX-License-Identifier: Apache-2.0

#include "format/state_file.h"

#include <catch2/catch_test_macros.hpp>
#include <limits>

#include "base/bytes.h"
#include "base/checksum.h"
#include "format/frame.h"
#include "support/support.h"

namespace faasnap::format {
namespace {

using test::error_of;

constexpr FrameKind kState{{'F', 'A', 'A', 'S', 'N', 'A', 'P', 'S'}, 1, kMaximumState};

std::vector<Section> example_state() {
  const auto bytes = test::bytes_of("registers");
  return {{"vcpu0", 7, {bytes.begin(), bytes.end()}}, {"empty", 1, {}}};
}

// One section as the file has it, with its fields free to be wrong.
struct RawSection {
  std::string name = "vcpu0";
  std::string bytes = "registers";
  std::uint64_t length = 9;
  std::uint32_t checksum = base::crc32c(test::bytes_of("registers"));

  void put(base::ByteWriter& out) const {
    out.put_string(name);
    out.put(std::uint32_t{7});
    out.put(checksum);
    out.put(length);
    out.put_bytes(test::bytes_of(bytes));
  }
};

Error rejected(const base::ByteWriter& payload) {
  return error_of([&] { decode_state(encode_frame(kState, payload.bytes()), "dir/state"); });
}

Error rejected(const RawSection& section) {
  base::ByteWriter payload;
  payload.put(std::uint32_t{1});
  section.put(payload);
  return rejected(payload);
}

bool names(const Error& error, std::string_view word) {
  return std::string_view(error.what()).find(word) != std::string_view::npos;
}

TEST_CASE("sections come back in order, with name, version and bytes") {
  const auto written = example_state();
  const auto read = decode_state(encode_state(written), "state");
  REQUIRE(read.size() == 2);
  CHECK(read[0].name == "vcpu0");
  CHECK(read[0].version == 7);
  CHECK(read[0].bytes == written[0].bytes);
  CHECK(read[1].name == "empty");
  CHECK(read[1].bytes.empty());
  CHECK(decode_state(encode_state({}), "state").empty());
}

TEST_CASE("a required section that is missing or of another version is named") {
  const auto sections = example_state();
  CHECK(&require_section(sections, "vcpu0", 7, "state") == &sections[0]);
  const Error missing = error_of([&] { require_section(sections, "pit", 1, "dir/state"); });
  CHECK(missing.kind() == ErrorKind::corrupt);
  CHECK(names(missing, "section 'pit' is missing"));
  const Error old = error_of([&] { require_section(sections, "vcpu0", 8, "dir/state"); });
  CHECK(old.kind() == ErrorKind::version);
  CHECK(names(old, "section 'vcpu0' has version 7, expected 8"));
}

TEST_CASE("a state file cut short or prolonged anywhere is corrupt") {
  const auto bytes = encode_state(example_state());
  for (std::size_t length = 0; length <= bytes.size() + 3; ++length) {
    auto changed = bytes;
    changed.resize(length);
    if (length != bytes.size()) {
      REQUIRE(error_of([&] { decode_state(changed, "state"); }).kind() == ErrorKind::corrupt);
    }
  }
}

TEST_CASE("any flipped bit of a state file is noticed") {
  const auto bytes = encode_state(example_state());
  for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    auto changed = bytes;
    changed[bit / 8] ^= std::byte{static_cast<unsigned char>(1 << (bit % 8))};
    const ErrorKind kind = error_of([&] { decode_state(changed, "state"); }).kind();
    REQUIRE((kind == ErrorKind::corrupt || kind == ErrorKind::version));
  }
}

TEST_CASE("a section whose bytes do not fit its checksum is named") {
  RawSection section;
  section.checksum ^= 1;
  const Error error = rejected(section);
  CHECK(error.kind() == ErrorKind::corrupt);
  CHECK(names(error, "section 'vcpu0': checksum"));
}

TEST_CASE("a section that claims more bytes than there are is named") {
  for (const std::uint64_t length :
       {std::uint64_t{10}, std::uint64_t{1} << 40, std::numeric_limits<std::uint64_t>::max()}) {
    RawSection section;
    section.length = length;
    const Error error = rejected(section);
    CHECK(error.kind() == ErrorKind::corrupt);
    CHECK(names(error, "section 'vcpu0'"));
  }
}

TEST_CASE("a section without a name, with a long one or with another's is corrupt") {
  RawSection section;
  section.name = "";
  CHECK(rejected(section).kind() == ErrorKind::corrupt);
  section.name = std::string(kMaximumSectionName + 1, 'n');
  CHECK(rejected(section).kind() == ErrorKind::corrupt);
  base::ByteWriter twice;
  twice.put(std::uint32_t{2});
  RawSection().put(twice);
  RawSection().put(twice);
  CHECK(rejected(twice).kind() == ErrorKind::corrupt);
}

TEST_CASE("a count of sections that is wrong is corrupt") {
  for (const std::uint32_t count : {0U, 2U, kMaximumSections, kMaximumSections + 1, 0xffffffffU}) {
    base::ByteWriter payload;
    payload.put(count);
    RawSection().put(payload);
    CHECK(rejected(payload).kind() == ErrorKind::corrupt);
  }
}

TEST_CASE("a length field of any value is checked before it is used") {
  for (const std::uint64_t length : {std::uint64_t{0}, std::uint64_t{23}, kMaximumState.value + 1,
                                     std::numeric_limits<std::uint64_t>::max()}) {
    auto bytes = encode_state(example_state());
    for (std::size_t i = 0; i < sizeof(length); ++i) {
      bytes[16 + i] = static_cast<std::byte>(length >> (8 * i));
    }
    CHECK(error_of([&] { decode_state(bytes, "state"); }).kind() == ErrorKind::corrupt);
  }
}

TEST_CASE("sections that could not be read back are not written") {
  const auto refused = [](const std::vector<Section>& sections) {
    return error_of([&] { encode_state(sections); }).kind() == ErrorKind::invalid_argument;
  };
  CHECK(refused({{"", 1, {}}}));
  CHECK(refused({{std::string(kMaximumSectionName + 1, 'n'), 1, {}}}));
  CHECK(refused({{"a", 1, {}}, {"a", 2, {}}}));
  CHECK(refused({{"big", 1, std::vector<std::byte>(kMaximumState.value)}}));
  std::vector<Section> many;
  for (std::uint32_t i = 0; i <= kMaximumSections; ++i) {
    many.push_back({std::to_string(i), 1, {}});
  }
  CHECK(refused(many));
  many.pop_back();
  CHECK(decode_state(encode_state(many), "state").size() == kMaximumSections);
}

}  // namespace
}  // namespace faasnap::format
