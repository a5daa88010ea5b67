// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <map>
#include <string>
#include <string_view>

namespace faasnap::format {

// The `key = value` lines of a snapshot's text files: keys of [a-z0-9_.-], values without control
// characters.

// Removes the line up to the next '\n' from `text` and returns it.
std::string_view take_line(std::string_view& text);

class TextWriter {
 public:
  // `what` names the file in messages.
  explicit TextWriter(const char* what) : what_(what) {}

  void number(std::string_view key, std::uint64_t value);
  // Writes eight hexadecimal digits.
  void checksum(std::string_view key, std::uint32_t value);
  // Throws ErrorKind::invalid_argument for control characters.
  void text(std::string_view key, std::string_view value);
  std::string take() { return std::move(text_); }

  // Throws ErrorKind::invalid_argument.
  [[noreturn]] void refuse(const std::string& reason) const;

 private:
  const char* what_;
  std::string text_;
};

// Each line must be taken exactly once: a missing, unknown or malformed line is ErrorKind::corrupt.
class TextReader {
 public:
  // `file` is for messages, and must outlive the reader.
  explicit TextReader(const std::filesystem::path& file) : file_(file) {}

  [[noreturn]] void reject(const std::string& reason) const;
  void add_line(std::string_view line);

  bool has(std::string_view key) const { return values_.find(key) != values_.end(); }
  std::string text(const std::string& key);
  std::uint64_t number(const std::string& key,
                       std::uint64_t limit = std::numeric_limits<std::int64_t>::max());
  std::uint32_t checksum(const std::string& key);
  // Takes all lines whose keys begin with `prefix`, and returns them without it.
  std::map<std::string, std::string> texts(std::string_view prefix);
  void finish() const;

 private:
  std::uint64_t parse(const std::string& key, int base, std::uint64_t limit);

  const std::filesystem::path& file_;
  std::map<std::string, std::string, std::less<>> values_;
};

bool is_key(std::string_view key);

}  // namespace faasnap::format
