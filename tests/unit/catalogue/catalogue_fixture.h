// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>

#include <faasnap/snapshot_catalogue.h>

#include "redis/redis_fixture.h"
#include "snapshot/image_identity.h"
#include "snapshot/snapshot_fixture.h"
#include "support/support.h"

namespace faasnap::test {

// A Redis server, a directory that hosts share, and a catalogue in both.
struct CatalogueRig {
  RedisServer redis;
  ScratchDirectory scratch;
  std::filesystem::path shared = scratch.path() / "shared";
  SyntheticGuest guest;
  std::optional<SnapshotCatalogue> opened;

  CatalogueRig() {
    std::filesystem::create_directory(shared);
    opened.emplace(redis.options(), shared);
  }
  SnapshotCatalogue& catalogue() { return *opened; }
  // Saves a snapshot, without recordings, of a guest that has the file as its root image.
  Snapshot save_with_image(const std::filesystem::path& target,
                           const std::filesystem::path& image) const {
    SnapshotContents contents;
    contents.capture = capture_bytes(guest.memory(), {{PageIndex{0}, SyntheticGuest::kPages}});
    contents.memory = {guest.memory().size()};
    contents.root_image = identify_file(image);
    return create_snapshot(target, contents);
  }
  std::filesystem::path local(const char* name) const { return scratch.path() / name; }
  // Returns the names of all files in the shared directory.
  std::set<std::string> shared_files() const {
    std::set<std::string> files;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(shared)) {
      if (entry.is_regular_file()) {
        files.insert(entry.path().filename().string());
      }
    }
    return files;
  }
  std::filesystem::path shared_file(const std::string& prefix) const {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(shared)) {
      if (entry.path().filename().string().starts_with(prefix)) {
        return entry.path();
      }
    }
    throw std::logic_error("no such file in the catalogue");
  }
};

inline void check_same(const Snapshot& found, const Snapshot& expected) {
  CHECK(found.info().id == expected.info().id);
  for (const auto& entry : std::filesystem::directory_iterator(expected.directory())) {
    INFO(entry.path().filename());
    CHECK((read_all(found.directory() / entry.path().filename()) == read_all(entry.path())));
  }
}

}  // namespace faasnap::test
