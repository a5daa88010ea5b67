#include "format/manifest_lines.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/error.h"

namespace faasnap::format {
namespace {

constexpr std::string_view kLabelPrefix = "label.";
constexpr std::string_view kSeparator = " = ";

[[noreturn]] void refuse_line(const std::string& reason) {
  base::fail(ErrorKind::invalid_argument, "encode manifest", {}, reason);
}

bool is_key(std::string_view key) {
  return !key.empty() && std::ranges::all_of(key, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-';
  });
}

bool is_printable(std::string_view value) {
  return std::ranges::none_of(
      value, [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; });
}

}  // namespace

void ManifestWriter::number(std::string_view key, std::uint64_t value) {
  text(key, fmt::format("{}", value));
}

void ManifestWriter::checksum(std::string_view key, std::uint32_t value) {
  text(key, fmt::format("{:08x}", value));
}

void ManifestWriter::text(std::string_view key, std::string_view value) {
  if (!is_printable(value)) {
    refuse_line(fmt::format("the value of '{}' holds control characters", key));
  }
  text_ += fmt::format("{}{}{}\n", key, kSeparator, value);
}

void ManifestWriter::identity(std::string_view key, const FileIdentity& file) {
  if (!file.path.empty()) {
    text(fmt::format("{}.path", key), file.path.string());
    record(key, {file.size, file.checksum});
  }
}

void ManifestWriter::record(std::string_view key, const FileRecord& file) {
  number(fmt::format("{}.bytes", key), file.size.value);
  checksum(fmt::format("{}.crc32c", key), file.checksum);
}

void ManifestWriter::labels(const std::map<std::string, std::string>& labels) {
  for (const auto& [key, value] : labels) {
    if (!is_key(key)) {
      refuse_line(fmt::format("label '{}' is not of [a-z0-9_.-]", key));
    }
    text(fmt::format("{}{}", kLabelPrefix, key), value);
  }
}

void ManifestReader::reject(const std::string& reason) const {
  base::fail(ErrorKind::corrupt, "read", file_, reason);
}

void ManifestReader::add_line(std::string_view line) {
  const auto separator = line.find(kSeparator);
  if (separator == std::string_view::npos) {
    reject(fmt::format("line '{}' is not of the form 'key = value'", line));
  }
  const auto key = line.substr(0, separator);
  const auto value = line.substr(separator + kSeparator.size());
  if (!is_key(key) || !is_printable(value)) {
    reject(fmt::format("the line of key '{}' holds characters that it cannot", key));
  }
  if (!values_.emplace(key, value).second) {
    reject(fmt::format("key '{}' appears twice", key));
  }
}

std::string ManifestReader::text(const std::string& key) {
  const auto found = values_.find(key);
  if (found == values_.end()) {
    reject(fmt::format("key '{}' is missing", key));
  }
  std::string value = std::move(found->second);
  values_.erase(found);
  return value;
}

std::uint64_t ManifestReader::number(const std::string& key, std::uint64_t limit) {
  return parse(key, 10, limit);
}

std::uint32_t ManifestReader::checksum(const std::string& key) {
  return static_cast<std::uint32_t>(parse(key, 16, std::numeric_limits<std::uint32_t>::max()));
}

FileRecord ManifestReader::record(const std::string& key) {
  return {{number(key + ".bytes")}, checksum(key + ".crc32c")};
}

std::optional<FileRecord> ManifestReader::optional_record(const std::string& key) {
  return has(key + ".bytes") ? std::optional(record(key)) : std::nullopt;
}

FileIdentity ManifestReader::optional_identity(const std::string& key) {
  if (!has(key + ".path")) {
    return {};
  }
  const std::string path = text(key + ".path");
  const auto [size, sum] = record(key);
  return {path, size, sum};
}

std::map<std::string, std::string> ManifestReader::labels() {
  std::map<std::string, std::string> labels;
  for (auto at = values_.lower_bound(kLabelPrefix);
       at != values_.end() && at->first.starts_with(kLabelPrefix); at = values_.erase(at)) {
    labels.emplace(at->first.substr(kLabelPrefix.size()), at->second);
  }
  return labels;
}

void ManifestReader::finish() const {
  if (!values_.empty()) {
    reject(fmt::format("key '{}' is unknown", values_.begin()->first));
  }
}

// A number has one spelling only: the one that ManifestWriter writes.
std::uint64_t ManifestReader::parse(const std::string& key, int base, std::uint64_t limit) {
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
