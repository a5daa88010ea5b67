#include "format/working_set_file.h"

#include <catch2/catch_test_macros.hpp>

#include "api/support.h"
#include "base/bytes.h"
#include "format/frame.h"

namespace faasnap::format {
namespace {

using test::error_of;

constexpr FrameKind kWorkingSet{{'F', 'A', 'A', 'S', 'N', 'A', 'P', 'W'}, 1, kMaximumWorkingSet};

WorkingSetContent example() {
  return {"id", {1000 * kPageSize}, {{{{5}, 2}, {{900}, 100}}, {}, {{{0}, 5}}}};
}

void put_head(base::ByteWriter& out, std::uint64_t memory, std::uint32_t groups) {
  out.put_string("id");
  out.put(memory);
  out.put(groups);
}

Error rejected(const base::ByteWriter& payload) {
  return error_of([&] { decode_working_set(encode_frame(kWorkingSet, payload.bytes()), "ws"); });
}

TEST_CASE("a working-set file comes back as it was written") {
  const WorkingSetContent read = decode_working_set(encode_working_set(example()), "ws");
  CHECK(read.snapshot_id == "id");
  CHECK(read.memory == example().memory);
  CHECK(read.groups == example().groups);
}

TEST_CASE("a working-set file cut short or prolonged anywhere is corrupt") {
  const auto bytes = encode_working_set(example());
  for (std::size_t length = 0; length <= bytes.size() + 2; ++length) {
    auto changed = bytes;
    changed.resize(length);
    if (length != bytes.size()) {
      REQUIRE(error_of([&] { decode_working_set(changed, "ws"); }).kind() == ErrorKind::corrupt);
    }
  }
}

TEST_CASE("counts beyond the bytes there are, are corrupt and allocate nothing") {
  base::ByteWriter groups;
  put_head(groups, 8 * kPageSize, 0xffffffff);
  CHECK(rejected(groups).kind() == ErrorKind::corrupt);
  base::ByteWriter ranges;
  put_head(ranges, 8 * kPageSize, 1);
  ranges.put(std::uint32_t{0xffffffff});
  ranges.put(std::uint64_t{0});
  CHECK(rejected(ranges).kind() == ErrorKind::corrupt);
}

TEST_CASE("ranges that no recording can have are corrupt") {
  const auto with_range = [](std::uint32_t first, std::uint32_t count) {
    base::ByteWriter payload;
    put_head(payload, 8 * kPageSize, 1);
    payload.put(std::uint32_t{1});
    payload.put(first);
    payload.put(count);
    return rejected(payload).kind();
  };
  CHECK(with_range(8, 1) == ErrorKind::corrupt);
  CHECK(with_range(0, 9) == ErrorKind::corrupt);
  CHECK(with_range(0xffffffff, 0xffffffff) == ErrorKind::corrupt);
  CHECK(with_range(1, 0) == ErrorKind::corrupt);
}

TEST_CASE("a working set of a memory that is no number of pages is corrupt") {
  for (const std::uint64_t memory : {0ULL, 1ULL, 4097ULL, 1ULL << 45, ~0ULL}) {
    base::ByteWriter payload;
    put_head(payload, memory, 0);
    CHECK(rejected(payload).kind() == ErrorKind::corrupt);
  }
}

TEST_CASE("each defect has a sentence of its own") {
  CHECK_FALSE(defect_of(example()).has_value());
  auto content = example();
  content.groups[2] = {{{6}, 1}};
  CHECK(defect_of(content) == "page 6 is in two groups");
  content = example();
  content.snapshot_id.clear();
  CHECK(defect_of(content).value().find("snapshot id") == 0);
}

}  // namespace
}  // namespace faasnap::format
