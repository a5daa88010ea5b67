// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <filesystem>
#include <memory>

#include "image/byte_source.h"

namespace faasnap::cli {

// A nameless file that holds what archives have unpacked until the image is written. It has no path
// that anybody could replace, and goes when the last content in it goes, however the process ends.
class Spool {
 public:
  // Makes it in the directory, whose file system needs the room. Throws Failure.
  explicit Spool(const std::filesystem::path& directory);

  // Adds bytes to the content in progress. Throws Failure that names the directory if they cannot
  // be written, as on a full disk.
  void write(std::span<const std::byte> bytes);
  // Ends the content in progress and returns it.
  std::shared_ptr<const ByteSource> finish();

 private:
  std::shared_ptr<OpenFile> file_;
  std::uint64_t begin_ = 0;
  std::uint64_t end_ = 0;
};

}  // namespace faasnap::cli
