// SPDX-License-Identifier: Apache-2.0

#include "format/text_fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/error.h"

namespace faasnap::format {
namespace {

constexpr std::string_view kSeparator = " = ";

bool is_value(std::string_view value) {
  return std::ranges::none_of(
      value, [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; });
}

}  // namespace

std::string_view take_line(std::string_view& text) {
  const auto line = text.substr(0, text.find('\n'));
  text.remove_prefix(std::min(text.size(), line.size() + 1));
  return line;
}

bool is_key(std::string_view key) {
  return !key.empty() && std::ranges::all_of(key, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-';
  });
}

void TextWriter::number(std::string_view key, std::uint64_t value) {
  text(key, fmt::format("{}", value));
}

void TextWriter::checksum(std::string_view key, std::uint32_t value) {
  text(key, fmt::format("{:08x}", value));
}

void TextWriter::text(std::string_view key, std::string_view value) {
  if (!is_value(value)) {
    refuse(fmt::format("the value of '{}' contains control characters", key));
  }
  text_ += fmt::format("{}{}{}\n", key, kSeparator, value);
}

void TextWriter::refuse(const std::string& reason) const {
  base::fail(ErrorKind::invalid_argument, fmt::format("encode {}", what_), {}, reason);
}

void TextReader::reject(const std::string& reason) const {
  base::fail(ErrorKind::corrupt, "read", file_, reason);
}

void TextReader::add_line(std::string_view line) {
  const auto separator = line.find(kSeparator);
  if (separator == std::string_view::npos) {
    reject(fmt::format("line '{}' is not of the form 'key = value'", line));
  }
  const auto key = line.substr(0, separator);
  const auto value = line.substr(separator + kSeparator.size());
  if (!is_key(key) || !is_value(value)) {
    reject(fmt::format("the line of key '{}' contains invalid characters", key));
  }
  if (!values_.emplace(key, value).second) {
    reject(fmt::format("key '{}' appears twice", key));
  }
}

std::string TextReader::text(const std::string& key) {
  const auto found = values_.find(key);
  if (found == values_.end()) {
    reject(fmt::format("key '{}' is missing", key));
  }
  std::string value = std::move(found->second);
  values_.erase(found);
  return value;
}

std::uint64_t TextReader::number(const std::string& key, std::uint64_t limit) {
  return parse(key, 10, limit);
}

std::uint32_t TextReader::checksum(const std::string& key) {
  return static_cast<std::uint32_t>(parse(key, 16, std::numeric_limits<std::uint32_t>::max()));
}

std::map<std::string, std::string> TextReader::texts(std::string_view prefix) {
  std::map<std::string, std::string> texts;
  for (auto at = values_.lower_bound(prefix); at != values_.end() && at->first.starts_with(prefix);
       at = values_.erase(at)) {
    texts.emplace(at->first.substr(prefix.size()), at->second);
  }
  return texts;
}

void TextReader::finish() const {
  if (!values_.empty()) {
    reject(fmt::format("key '{}' is unknown", values_.begin()->first));
  }
}

std::uint64_t TextReader::parse(const std::string& key, int base, std::uint64_t limit) {
  const std::string value = text(key);
  std::uint64_t number = 0;
  std::from_chars(value.data(), value.data() + value.size(), number, base);
  const auto spelling = base == 10 ? fmt::format("{}", number) : fmt::format("{:08x}", number);
  if (value != spelling || number > limit) {
    reject(fmt::format("the value of '{}' is '{}', expected {} up to {}", key, value,
                       base == 10 ? "a number" : "eight hexadecimal digits", limit));
  }
  return number;
}

}  // namespace faasnap::format
