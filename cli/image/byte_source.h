// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "tools/descriptor.h"

namespace faasnap::cli {

// The bytes of a file, wherever they lie. Immutable; one thread at a time.
class ByteSource {
 public:
  ByteSource() = default;
  virtual ~ByteSource() = default;
  ByteSource(const ByteSource&) = delete;
  ByteSource& operator=(const ByteSource&) = delete;

  virtual std::uint64_t size() const noexcept = 0;
  // Fills `into` with the bytes at `offset`, which the file has. Throws Failure that names the file
  // if they cannot be read, and if the file has become shorter.
  virtual void read(std::uint64_t offset, std::span<std::byte> into) const = 0;
};

// Returns all bytes. Throws Failure that names the file `what` if there are more than `most`.
std::string read_all(const ByteSource& source, std::uint64_t most, const std::string& what);

// Bytes in memory.
class TextSource : public ByteSource {
 public:
  explicit TextSource(std::string text) : text_(std::move(text)) {}
  std::uint64_t size() const noexcept override { return text_.size(); }
  void read(std::uint64_t offset, std::span<std::byte> into) const override;

 private:
  std::string text_;
};

// A file of the host, opened for each read, so that trees of any size need few descriptors.
class HostFile : public ByteSource {
 public:
  HostFile(std::filesystem::path path, std::uint64_t size) : path_(std::move(path)), size_(size) {}
  std::uint64_t size() const noexcept override { return size_; }
  void read(std::uint64_t offset, std::span<std::byte> into) const override;

 private:
  std::filesystem::path path_;
  std::uint64_t size_;
};

// An open file that several sources read parts of.
struct OpenFile {
  std::string name;  // for messages
  tools::Descriptor fd;
};

// Pieces of an open file, one after the other.
class FileExtents : public ByteSource {
 public:
  struct Extent {
    std::uint64_t offset;
    std::uint64_t length;
  };
  FileExtents(std::shared_ptr<const OpenFile> file, std::vector<Extent> extents);
  std::uint64_t size() const noexcept override { return size_; }
  void read(std::uint64_t offset, std::span<std::byte> into) const override;

 private:
  std::shared_ptr<const OpenFile> file_;
  std::vector<Extent> extents_;
  std::uint64_t size_ = 0;
};

}  // namespace faasnap::cli
