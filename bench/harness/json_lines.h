// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <fcntl.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "tools/descriptor.h"

namespace faasnap::bench {

// A file of JSON objects, one per line. Each line is written by one call as soon as it is added, so
// that an interruption damages only the last line. For one thread.
class JsonLines {
 public:
  // Opens the file with the flags of open(2). If the name is empty, nothing is written. Throws
  // std::system_error.
  explicit JsonLines(const std::filesystem::path& file, int flags = O_WRONLY | O_CREAT | O_TRUNC);

  // Bytes that are not UTF-8 are replaced. Throws std::system_error if the line cannot be written
  // whole.
  void add(const nlohmann::json& line);
  int descriptor() const noexcept { return descriptor_.get(); }

 private:
  std::filesystem::path file_;
  tools::Descriptor descriptor_;
};

}  // namespace faasnap::bench
