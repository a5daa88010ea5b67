// SPDX-License-Identifier: Apache-2.0

#include "format/working_set_file.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include "base/bytes.h"
#include "format/frame.h"
#include "format/limits.h"
#include "support/support.h"

namespace faasnap::format {
namespace {

using test::error_of;

constexpr FrameKind kWorkingSet{{'F', 'A', 'A', 'S', 'N', 'A', 'P', 'W'}, 3, kMaximumWorkingSet};

WorkingSetContent example_set() {
  return {"id", {1000 * kPageSize}, Recorder::mincore, {{{{5}, 2}, {{900}, 100}}, {}, {{{0}, 5}}}};
}

WorkingSetContent touched() {
  return {"id",
          {1000 * kPageSize},
          Recorder::userfaultfd,
          {{{{5}, 2}, {{999}, 1}}, {{{0}, 1}}},
          {{{999}, Nanoseconds(0), true, false},
           {{5}, Nanoseconds(100), false, false},
           {{6}, Nanoseconds(100), true, true},
           {{0}, Nanoseconds(5'000'000'000), false, true, true}}};
}

void put_head(base::ByteWriter& out, std::uint64_t memory, std::uint32_t groups) {
  out.put_string("id");
  out.put(memory);
  out.put(std::uint32_t{0});
  out.put(groups);
}

Error rejected_set(const base::ByteWriter& payload) {
  return error_of([&] { decode_working_set(encode_frame(kWorkingSet, payload.bytes()), "ws"); });
}

TEST_CASE("a working-set file comes back as it was written") {
  const WorkingSetContent read = decode_working_set(encode_working_set(example_set()), "ws");
  CHECK(read.snapshot_id == "id");
  CHECK(read.memory == example_set().memory);
  CHECK(read.recorder == Recorder::mincore);
  CHECK(read.groups == example_set().groups);
  CHECK(read.accesses.empty());
}

TEST_CASE("a recording by userfaultfd comes back with order, times and kinds of its accesses") {
  const WorkingSetContent read = decode_working_set(encode_working_set(touched()), "ws");
  CHECK(read.recorder == Recorder::userfaultfd);
  CHECK(read.groups == touched().groups);
  CHECK(read.accesses == touched().accesses);
}

TEST_CASE("the farthest pages and times come back") {
  WorkingSetContent content = touched();
  content.memory = {kMaximumPages * kPageSize};
  const PageIndex last{kMaximumPages - 1};
  content.groups = {{{{0}, 1}, {{5}, 1}, {last, 1}}};
  content.accesses = {{last, Nanoseconds(0), false, false},
                      {{0}, kMaximumAccessTime, true, false},
                      {{5}, kMaximumAccessTime, true, false}};
  CHECK(decode_working_set(encode_working_set(content), "ws").accesses == content.accesses);
}

TEST_CASE("a working-set file cut short or prolonged anywhere is corrupt") {
  const auto bytes = encode_working_set(GENERATE(0, 1) == 0 ? example_set() : touched());
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
  CHECK(rejected_set(groups).kind() == ErrorKind::corrupt);
  base::ByteWriter ranges;
  put_head(ranges, 8 * kPageSize, 1);
  ranges.put(std::uint32_t{0xffffffff});
  ranges.put(std::uint64_t{0});
  CHECK(rejected_set(ranges).kind() == ErrorKind::corrupt);
  base::ByteWriter accesses;
  put_head(accesses, 8 * kPageSize, 0);
  accesses.put(std::uint32_t{0xffffffff});
  accesses.put(std::uint64_t{0});
  CHECK(rejected_set(accesses).kind() == ErrorKind::corrupt);
}

// A file of userfaultfd with the one page 3 in its group, and these numbers for its accesses.
Error rejected_accesses(std::uint32_t count, std::initializer_list<std::uint64_t> numbers) {
  base::ByteWriter payload;
  payload.put_string("id");
  payload.put(std::uint64_t{8 * kPageSize});
  payload.put(std::uint32_t{1});
  payload.put(std::uint32_t{1});
  payload.put(std::uint32_t{1});
  payload.put(std::uint32_t{3});
  payload.put(std::uint32_t{1});
  payload.put(count);
  for (const std::uint64_t number : numbers) {
    payload.put_varint(number);
  }
  return rejected_set(payload);
}

bool says(const Error& error, std::string_view words) {
  return error.kind() == ErrorKind::corrupt &&
         std::string_view(error.what()).find(words) != std::string_view::npos;
}

TEST_CASE("accesses that do not fit the groups are corrupt") {
  constexpr std::uint64_t kThree = 6;  // zigzag of 3
  CHECK(says(rejected_accesses(0, {}), "1 pages are in groups but 0 are touched"));
  CHECK(says(rejected_accesses(1, {8, 0}), "page 4 is touched but in no group"));
  CHECK(says(rejected_accesses(1, {1, 0}), "is touched but in no group"));
  CHECK(says(rejected_accesses(2, {kThree, 0, 1, 0}), "page 3 has two first touches"));
  CHECK(says(rejected_accesses(1, {~0ULL, 0}), "is touched but in no group"));
}

TEST_CASE("an access later than any clock tells is corrupt") {
  CHECK(says(rejected_accesses(2, {6, ~0ULL, 0, 8}), "the time of an access"));
}

TEST_CASE("an unknown recorder, or accesses in a recording by mincore, are corrupt") {
  base::ByteWriter unknown;
  unknown.put_string("id");
  unknown.put(std::uint64_t{8 * kPageSize});
  unknown.put(std::uint32_t{2});
  unknown.put(std::uint64_t{0});
  CHECK(says(rejected_set(unknown), "recorder is 2"));
  base::ByteWriter accesses;
  put_head(accesses, 8 * kPageSize, 1);
  accesses.put(std::uint32_t{1});
  accesses.put(std::uint32_t{3});
  accesses.put(std::uint32_t{1});
  accesses.put(std::uint32_t{1});
  accesses.put_varint(6);
  accesses.put_varint(0);
  CHECK(says(rejected_set(accesses), "a recording by mincore has accesses"));
}

TEST_CASE("ranges that no recording can have are corrupt") {
  const auto with_range = [](std::uint32_t first, std::uint32_t count) {
    base::ByteWriter payload;
    put_head(payload, 8 * kPageSize, 1);
    payload.put(std::uint32_t{1});
    payload.put(first);
    payload.put(count);
    payload.put(std::uint32_t{0});
    return rejected_set(payload).kind();
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
    payload.put(std::uint32_t{0});
    CHECK(rejected_set(payload).kind() == ErrorKind::corrupt);
  }
}

TEST_CASE("each defect has a sentence of its own") {
  CHECK_FALSE(defect_of(example_set()).has_value());
  auto content = example_set();
  content.groups[2] = {{{6}, 1}};
  CHECK(defect_of(content) == "page 6 is in two groups");
  content = example_set();
  content.snapshot_id.clear();
  CHECK(defect_of(content).value().find("snapshot id") == 0);
  CHECK_FALSE(defect_of(touched()).has_value());
  content = touched();
  content.accesses[2].time = Nanoseconds(99);
  CHECK(defect_of(content).value().find("the access to page 6 is at 99 ns, expected 100 to") == 0);
  content = touched();
  content.accesses[0].time = Nanoseconds(-1);
  CHECK(defect_of(content).value().find("the access to page 999 is at -1 ns, expected 0 to") == 0);
}

}  // namespace
}  // namespace faasnap::format
