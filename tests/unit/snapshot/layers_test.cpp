// SPDX-License-Identifier: Apache-2.0

#include <faasnap/snapshot.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <algorithm>
#include <cstring>
#include <string_view>

#include "base/files/file.h"
#include "format/image_content.h"
#include "snapshot/bases.h"
#include "snapshot/layers_fixture.h"
#include "snapshot/opened_snapshot.h"
#include "snapshot/snapshot_fixture.h"

namespace faasnap {
namespace {

namespace fs = std::filesystem;

using test::error_of;
using test::LayerStack;
using test::read_all;
using test::replace_content;
using test::ScratchDirectory;

constexpr Bytes kMemory{1500 * kPageSize};  // not a whole number of chunks

std::vector<std::byte> content_of(const Snapshot& snapshot) {
  std::vector<std::byte> content(snapshot.info().memory.value);
  opened(snapshot).image().read({{0}, snapshot.info().memory.pages()}, content);
  return content;
}

bool has_content(const Snapshot& snapshot, std::span<const std::byte> bytes) {
  return std::ranges::equal(content_of(snapshot), bytes);
}

bool mentions(const Error& error, std::string_view word) {
  return std::string_view(error.what()).find(word) != std::string_view::npos;
}

void flip_byte(const fs::path& file, std::uint64_t offset) {
  const base::UniqueFd fd = base::open_file(file, O_RDWR);
  std::byte byte;
  base::read_exact(fd, {&byte, 1}, offset, file);
  byte ^= std::byte{0x10};
  base::write_exact(fd, {&byte, 1}, offset, file);
}

TEST_CASE("a stack of layers of any depth has the content of the memory it was made of") {
  const unsigned depth = GENERATE(1U, 2U, 3U, 9U);
  const LayerStack stack(depth, kMemory, depth);
  const Snapshot top = Snapshot::open(stack.top().directory());
  CHECK(has_content(top, stack.memory.bytes()));
  CHECK_NOTHROW(top.verify());
  unsigned found = 1;
  for (auto base = top.base(); base; base = base->base()) {
    ++found;
  }
  CHECK(found == depth);
}

TEST_CASE("a layer keeps only the pages that differ from the base at the same address") {
  const LayerStack stack(2, kMemory);
  const auto& base = opened(stack.layers[0]);
  const auto& layer = opened(stack.top());
  const auto lower = content_of(stack.layers[0]);
  const auto upper = stack.memory.bytes();
  std::uint64_t differing = 0;
  for (std::uint64_t page = 0; page < kMemory.pages(); ++page) {
    const auto below = std::span(lower).subspan(page * kPageSize, kPageSize);
    const auto above = upper.subspan(page * kPageSize, kPageSize);
    const bool zero = memory::is_zero(above);
    const bool differs = !zero && !std::ranges::equal(below, above);
    differing += differs ? 1 : 0;
    const auto expected = zero      ? std::nullopt
                          : differs ? std::optional<std::uint32_t>(0)
                                    : std::optional<std::uint32_t>(1);
    REQUIRE(layer.image_map().layer_of({page}) == expected);
  }
  CHECK(differing != 0);
  CHECK(stack.top().info().stored_pages == differing);
  CHECK(stack.top().info().nonzero_pages > differing);
  CHECK(base.info().stored_pages == base.info().nonzero_pages);
  const auto layers = stack.top().layers();
  REQUIRE(layers.size() == 2);
  CHECK(layers[0].stored_pages == differing);
  CHECK(layers[0].shown_pages == differing);
  CHECK(layers[1].id == base.info().id);
  CHECK(layers[1].directory == base.directory());
  CHECK(layers[1].stored_pages == base.info().stored_pages);
  CHECK(layers[0].shown_pages + layers[1].shown_pages == stack.top().info().nonzero_pages);
}

TEST_CASE("a flattened snapshot is byte for byte the same memory, and needs no base") {
  LayerStack stack(4, kMemory, 5);
  const Snapshot recorded = stack.recorded();
  const ScratchDirectory elsewhere;
  const Snapshot flat = recorded.rebase(elsewhere.path() / "flat", nullptr);
  CHECK_FALSE(flat.info().base);
  CHECK(flat.info().id == recorded.info().id);
  CHECK(flat.info().stored_pages == recorded.info().nonzero_pages);
  const auto file = read_all(flat.directory() / "memory");
  CHECK(std::ranges::equal(std::span(file).first(kMemory.value), stack.memory.bytes()));
  CHECK_NOTHROW(Snapshot::open(flat.directory()).verify());
  for (const Setting setting : {Setting::reap, Setting::stream, Setting::faasnap}) {
    CHECK_NOTHROW(flat.plan(setting));
  }
  for (const char* name : {"touched-set", "reap-set"}) {
    CHECK(read_all(flat.directory() / name) == read_all(recorded.directory() / name));
  }
  // The order in the stream set depends on what a base has, and on nothing else.
  CHECK(flat.info().stream_set_pages == recorded.info().stream_set_pages);
  const Snapshot base = recorded.base().value();
  const Snapshot again = flat.rebase(elsewhere.path() / "again", &base);
  CHECK(read_all(again.directory() / "stream-set") ==
        read_all(recorded.directory() / "stream-set"));
}

TEST_CASE("a prepared stream maps its base as long as that is in the page cache") {
  LayerStack stack(2, kMemory, 11);
  const Snapshot recorded = stack.recorded();
  const auto mapped_layers = [&](bool prepared) {
    std::vector<std::uint32_t> layers;
    for (const PlannedMapping& mapping : recorded.plan(Setting::stream, prepared).mappings) {
      if (mapping.backing == Backing::memory_file) {
        layers.push_back(mapping.layer);
      }
    }
    return layers;
  };
  content_of(recorded);  // into the page cache
  const auto warm = mapped_layers(true);
  if (warm.empty()) {
    SKIP("this kernel does not tell what is in the page cache (cachestat, Linux 6.5)");
  }
  CHECK(std::ranges::all_of(warm, [](std::uint32_t layer) { return layer == 1; }));
  CHECK(mapped_layers(false).empty());
  REQUIRE(recorded.drop_caches() == 0);
  CHECK(mapped_layers(true).empty());
}

TEST_CASE("a whole snapshot becomes a layer over another, and over a third") {
  const LayerStack stack(1, kMemory, 6);
  const ScratchDirectory scratch;
  test::ChangingMemory memory(kMemory, 6);
  memory.change(0.1);
  const Snapshot whole = Snapshot::create(scratch.path() / "whole", memory.bytes());
  const Snapshot layer = whole.rebase(scratch.path() / "layer", &stack.top());
  CHECK(layer.info().base == opened(stack.top()).identity());
  CHECK(layer.info().stored_pages < whole.info().stored_pages);
  CHECK(has_content(layer, memory.bytes()));
  memory.change(0.1);
  const Snapshot third = Snapshot::create(scratch.path() / "third", memory.bytes());
  const Snapshot moved = layer.rebase(scratch.path() / "moved", &third);
  CHECK(has_content(moved, content_of(layer)));
  CHECK(error_of([&] { layer.rebase(scratch.path() / "itself", &whole); }).kind() ==
        ErrorKind::invalid_argument);
}

TEST_CASE("a base is found in the directories that are given, by any name, or beside its layer") {
  LayerStack stack(3, kMemory);
  const ScratchDirectory elsewhere;
  const fs::path top = stack.top().directory();
  fs::rename(stack.layers[0].directory(), elsewhere.path() / "renamed");
  const Error error = error_of([&] { Snapshot::open(top); });
  CHECK(error.kind() == ErrorKind::not_found);
  CHECK(mentions(error, stack.layers[0].info().id));
  CHECK(mentions(error, stack.scratch.path().string()));
  const std::vector<fs::path> places{elsewhere.path()};
  CHECK(has_content(Snapshot::open(top, places), stack.memory.bytes()));
  const std::vector<fs::path> itself{elsewhere.path() / "renamed"};
  CHECK(has_content(Snapshot::open(top, itself), stack.memory.bytes()));
  CHECK_NOTHROW(Snapshot::upgrade(top, {}, places));
}

TEST_CASE("an opened layer is usable after its base was removed") {
  const LayerStack stack(2, kMemory);
  const Snapshot top = Snapshot::open(stack.top().directory());
  Snapshot::remove(stack.layers[0].directory());
  CHECK(has_content(top, stack.memory.bytes()));
  CHECK_NOTHROW(top.verify());
}

TEST_CASE("a base that was replaced by another image is not taken for it") {
  const LayerStack stack(2, kMemory);
  const fs::path base = stack.layers[0].directory();
  SECTION("by a snapshot of its own") {
    Snapshot::remove(base);
    Snapshot::create(base, test::ChangingMemory(kMemory, 77).bytes());
    CHECK(error_of([&] { Snapshot::open(stack.top().directory()); }).kind() ==
          ErrorKind::not_found);
  }
  SECTION("by a snapshot that says to be it") {
    const ScratchDirectory scratch;
    const Snapshot other =
        Snapshot::create(scratch.path() / "other", test::ChangingMemory(kMemory, 77).bytes());
    format::Manifest manifest = opened(other).manifest();
    manifest.info.id = stack.layers[0].info().id;
    const std::string text = format::encode_manifest(manifest);
    replace_content(base / "manifest", test::bytes_of(text));
    const Error error = error_of([&] { Snapshot::open(stack.top().directory()); });
    CHECK(error.kind() == ErrorKind::not_found);
    CHECK(mentions(error, base.string()));
    CHECK(mentions(error, "checksum"));
  }
}

TEST_CASE("a damaged base is an error that names it") {
  const LayerStack stack(2, kMemory);
  const fs::path base = stack.layers[0].directory();
  const auto opening = [&] { Snapshot::open(stack.top().directory()); };
  SECTION("its manifest") {
    flip_byte(base / "manifest", 40);
    const Error error = error_of(opening);
    CHECK(error.kind() == ErrorKind::not_found);
    CHECK(mentions(error, (base / "manifest").string()));
  }
  SECTION("its state") {
    flip_byte(base / "state", 100);
    const Error error = error_of(opening);
    CHECK(error.kind() == ErrorKind::corrupt);
    CHECK(mentions(error, (base / "state").string()));
  }
  SECTION("its image's end") {
    fs::resize_file(base / "memory", kMemory.value);
    const Error error = error_of(opening);
    CHECK(error.kind() == ErrorKind::corrupt);
    CHECK(mentions(error, (base / "memory").string()));
  }
  SECTION("its image's content, which verification reads") {
    const auto stored = opened(stack.layers[0]).image_table().stored;
    flip_byte(base / "memory", stored[stored.size() / 2].first.offset().value + 5);
    const Error error = error_of([&] { Snapshot::open(stack.top().directory()).verify(); });
    CHECK(error.kind() == ErrorKind::corrupt);
    CHECK(mentions(error, (base / "memory").string()));
  }
  SECTION("its image is gone") {
    fs::remove(base / "memory");
    const Error error = error_of(opening);
    CHECK(error.kind() == ErrorKind::corrupt);
    CHECK(mentions(error, base.string()));
  }
}

TEST_CASE("a base of another guest size is refused, when a layer is made and when it is opened") {
  const LayerStack stack(1, kMemory);
  const ScratchDirectory scratch;
  const test::ChangingMemory larger({1600 * kPageSize}, 3);
  SnapshotOptions options;
  options.base = &stack.top();
  const Error making =
      error_of([&] { Snapshot::create(scratch.path() / "s", larger.bytes(), options); });
  CHECK(making.kind() == ErrorKind::invalid_argument);
  CHECK(mentions(making, stack.top().directory().string()));
  CHECK_FALSE(fs::exists(scratch.path() / "s"));

  const Snapshot other = Snapshot::create(scratch.path() / "other", larger.bytes());
  const Snapshot layer =
      Snapshot::create(stack.scratch.path() / "layer", stack.memory.bytes(), options);
  format::Manifest manifest = opened(layer).manifest();
  manifest.info.base = opened(other).identity();
  const std::string text = format::encode_manifest(manifest);
  replace_content(layer.directory() / "manifest", test::bytes_of(text));
  const std::vector<fs::path> places{scratch.path()};
  const Error opening = error_of([&] { Snapshot::open(layer.directory(), places); });
  CHECK(opening.kind() == ErrorKind::corrupt);
  CHECK(mentions(opening, other.directory().string()));
}

TEST_CASE("a layer whose table takes a page from the base that has none there is refused") {
  const LayerStack stack(2, kMemory);
  const fs::path top = stack.top().directory();
  format::Manifest manifest = opened(stack.top()).manifest();
  SECTION("because it names another base") {
    const Snapshot empty =
        Snapshot::create(stack.scratch.path() / "empty", std::vector<std::byte>(kMemory.value));
    manifest.info.base = opened(empty).identity();
  }
  SECTION("because it names none") {
    manifest.info.base.reset();
    manifest.info.stored_pages = manifest.info.nonzero_pages;
  }
  const std::string text = format::encode_manifest(manifest);
  replace_content(top / "manifest", test::bytes_of(text));
  const Error error = error_of([&] { Snapshot::open(top); });
  CHECK(error.kind() == ErrorKind::corrupt);
  CHECK(mentions(error, (top / "state").string()));
}

TEST_CASE("layers that lie upon each other in a circle end in an error") {
  const LayerStack stack(2, kMemory);
  const fs::path base = stack.layers[0].directory();
  format::Manifest manifest = opened(stack.layers[0]).manifest();
  manifest.info.base = opened(stack.top()).identity();
  const std::string text = format::encode_manifest(manifest);
  replace_content(base / "manifest", test::bytes_of(text));
  const Error error = error_of([&] { Snapshot::open(stack.top().directory()); });
  CHECK(error.kind() == ErrorKind::corrupt);
  CHECK(mentions(error, "layers"));
}

TEST_CASE("a derived snapshot keeps its base, and any copy of a base will do") {
  LayerStack stack(2, kMemory);
  const Snapshot recorded = stack.recorded();
  CHECK(recorded.info().base == stack.top().info().base);
  CHECK(recorded.info().touched_pages != 0);
  CHECK(has_content(Snapshot::open(recorded.directory()), stack.memory.bytes()));
  CHECK_NOTHROW(recorded.verify());
  const Snapshot copy = stack.layers[0].derive(stack.scratch.path() / "copy", {});
  Snapshot::remove(stack.layers[0].directory());
  CHECK(has_content(Snapshot::open(recorded.directory()), stack.memory.bytes()));
  SnapshotOptions options;
  options.base = &copy;
  CHECK(error_of([&] { recorded.derive(stack.scratch.path() / "d", options); }).kind() ==
        ErrorKind::invalid_argument);
}

TEST_CASE("what lies over a base is found") {
  LayerStack stack(3, kMemory);
  stack.recorded();
  const std::vector<fs::path> places{stack.scratch.path()};
  CHECK(find_layers(stack.layers[0], places) == std::vector<fs::path>{stack.layers[1].directory()});
  CHECK(find_layers(stack.layers[1], places) ==
        std::vector<fs::path>{stack.layers[2].directory(), stack.scratch.path() / "recorded"});
  CHECK(find_layers(stack.top(), places).empty());
}

TEST_CASE("dropping a layer's files drops those of its bases") {
  const LayerStack stack(2, kMemory);
  const Snapshot top = Snapshot::open(stack.top().directory());
  const std::uint64_t all = top.cached_pages();
  CHECK(all > top.base()->cached_pages());
  CHECK(top.base()->cached_pages() != 0);
  if (top.drop_caches() == 0) {
    CHECK(stack.layers[0].cached_pages() == 0);
  }
}

}  // namespace
}  // namespace faasnap
