#pragma once

#include <filesystem>
#include <vector>

namespace faasnap::bench {

// A snapshot and copies of it that share nothing with it, made as they are asked for and removed in
// the end, the snapshot too.
class Copies {
 public:
  explicit Copies(std::filesystem::path snapshot);
  ~Copies();
  Copies(const Copies&) = delete;
  Copies& operator=(const Copies&) = delete;

  // The snapshot itself, `count` times.
  std::vector<std::filesystem::path> same(std::size_t count) const;
  // The snapshot and copies of it. Throws std::runtime_error, also when there is no room for them.
  std::vector<std::filesystem::path> distinct(std::size_t count);

 private:
  std::vector<std::filesystem::path> paths_;  // the snapshot first
};

}  // namespace faasnap::bench
