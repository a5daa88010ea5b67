#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include <faasnap/snapshot.h>

#include "format/manifest.h"

namespace faasnap::format {

// The `key = value` lines of a manifest, one way and the other.

class ManifestWriter {
 public:
  void number(std::string_view key, std::uint64_t value);
  void checksum(std::string_view key, std::uint32_t value);
  // ErrorKind::invalid_argument for control characters.
  void text(std::string_view key, std::string_view value);
  // Nothing for an empty path.
  void identity(std::string_view key, const FileIdentity& file);
  void record(std::string_view key, const FileRecord& file);
  void labels(const std::map<std::string, std::string>& labels);
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

// Each line must be taken once; what is missing, left over or misspelt is ErrorKind::corrupt.
class ManifestReader {
 public:
  // `file` is for messages, and must outlive the reader.
  explicit ManifestReader(const std::filesystem::path& file) : file_(file) {}

  [[noreturn]] void reject(const std::string& reason) const;
  void add_line(std::string_view line);

  std::string text(const std::string& key);
  std::uint64_t number(const std::string& key,
                       std::uint64_t limit = std::numeric_limits<std::int64_t>::max());
  std::uint32_t checksum(const std::string& key);
  FileRecord record(const std::string& key);
  std::optional<FileRecord> optional_record(const std::string& key);
  FileIdentity optional_identity(const std::string& key);
  std::map<std::string, std::string> labels();
  void finish() const;

 private:
  bool has(std::string_view key) const { return values_.find(key) != values_.end(); }
  std::uint64_t parse(const std::string& key, int base, std::uint64_t limit);

  const std::filesystem::path& file_;
  std::map<std::string, std::string, std::less<>> values_;
};

}  // namespace faasnap::format
