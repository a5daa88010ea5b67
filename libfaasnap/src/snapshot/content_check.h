// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string_view>

namespace faasnap {

// One part of a snapshot's content while it is read.
class ContentPart {
 public:
  virtual ~ContentPart() = default;
  // Takes the next bytes.
  virtual void take(std::span<const std::byte> bytes) = 0;
  // Throws if they were not all of the part, and it alone.
  virtual void finish() = 0;
};

// What a snapshot's content is held against beyond its checksums, as the code sees it that reads
// the content: floor `signature` implements it. Safe from any thread.
class ContentCheck {
 public:
  virtual ~ContentCheck() = default;
  // Begins a part (format/signature_file.h), which is read from `file`.
  virtual std::unique_ptr<ContentPart> begin(std::string_view part,
                                             const std::filesystem::path& file) const = 0;
  // True if `bytes` are the whole of the part.
  virtual bool is(std::string_view part, std::span<const std::byte> bytes) const = 0;
};

}  // namespace faasnap
