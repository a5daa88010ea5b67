// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <filesystem>
#include <vector>

namespace faasnap::bench {

// A snapshot and copies of it that share no data with it. Makes copies when they are needed, and
// removes them and the snapshot in the end.
class Copies {
 public:
  explicit Copies(std::filesystem::path snapshot);
  ~Copies();
  Copies(const Copies&) = delete;
  Copies& operator=(const Copies&) = delete;

  // Returns the snapshot itself, `count` times.
  std::vector<std::filesystem::path> same(std::size_t count) const;
  // Returns the snapshot and copies of it, `count` in all. Throws std::runtime_error, also if the
  // disk has no room for them.
  std::vector<std::filesystem::path> distinct(std::size_t count);

 private:
  std::vector<std::filesystem::path> paths_;  // the snapshot first
};

}  // namespace faasnap::bench
