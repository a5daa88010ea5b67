// SPDX-License-Identifier: Apache-2.0

#include "format/manifest.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>

#include "base/checksum.h"
#include "base/error.h"
#include "format/limits.h"

namespace faasnap::format {
namespace {

// Writes and reads the `key = value` lines of a manifest.

class ManifestWriter {
 public:
  void number(std::string_view key, std::uint64_t value);
  void checksum(std::string_view key, std::uint32_t value);
  // Throws ErrorKind::invalid_argument for control characters.
  void text(std::string_view key, std::string_view value);
  // Writes nothing for an empty path.
  void identity(std::string_view key, const FileIdentity& file);
  void record(std::string_view key, const FileRecord& file);
  void labels(const std::map<std::string, std::string>& labels);
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

// Each line must be taken exactly once: a missing, unknown or malformed line is ErrorKind::corrupt.
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

constexpr std::string_view kFirstLine = "faasnap snapshot ";
constexpr std::string_view kChecksumKey = "crc32c = ";

std::uint32_t checksum_of(std::string_view text) {
  return base::crc32c(std::as_bytes(std::span(text)));
}

[[noreturn]] void refuse_manifest(const std::string& reason) {
  base::fail(ErrorKind::invalid_argument, "encode manifest", {}, reason);
}

// Removes the line up to the next '\n' from `text` and returns it.
std::string_view take_line(std::string_view& text) {
  const auto line = text.substr(0, text.find('\n'));
  text.remove_prefix(std::min(text.size(), line.size() + 1));
  return line;
}

// Returns the version.
std::uint32_t check_first_line(std::string_view line, const ManifestReader& decoder,
                               const std::filesystem::path& file) {
  if (!line.starts_with(kFirstLine)) {
    decoder.reject(fmt::format("does not begin with '{}{}'", kFirstLine, kSnapshotVersion));
  }
  const auto found = line.substr(kFirstLine.size());
  for (const std::uint32_t version : {kOldestSnapshotVersion, kSnapshotVersion}) {
    if (found == fmt::format("{}", version)) {
      return version;
    }
  }
  base::fail(ErrorKind::version, "read", file,
             fmt::format("snapshot has version '{}', expected {} or {}", found,
                         kOldestSnapshotVersion, kSnapshotVersion));
}

// Checks the last line, and returns the text before it.
std::string_view checked_body(std::string_view text, const ManifestReader& decoder) {
  const auto last = text.substr(0, text.empty() ? 0 : text.size() - 1).rfind('\n');
  if (!text.ends_with('\n') || last == std::string_view::npos ||
      !text.substr(last + 1).starts_with(kChecksumKey)) {
    decoder.reject(fmt::format("does not end with a line '{}...'", kChecksumKey));
  }
  const auto body = text.substr(0, last + 1);
  const auto found = fmt::format("{}{:08x}\n", kChecksumKey, checksum_of(body));
  if (text.substr(last + 1) != found) {
    decoder.reject(fmt::format("checksum is {:08x}, expected '{}'", checksum_of(body),
                               text.substr(last + 1, text.size() - last - 2)));
  }
  return body;
}

void check_sizes(const SnapshotInfo& info, const ManifestReader& decoder) {
  if (const auto defect = defect_of(info.id, info.memory)) {
    decoder.reject(*defect);
  }
}

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

std::string encode_manifest(const Manifest& manifest) {
  const SnapshotInfo& info = manifest.info;
  ManifestWriter out;
  out.text("id", info.id);
  out.number("created_ns", static_cast<std::uint64_t>(info.created.count()));
  out.number("memory_bytes", info.memory.value);
  out.number("vcpus", info.vcpus);
  out.identity("kernel", info.kernel);
  out.identity("initramfs", info.initramfs);
  out.identity("root_image", info.root_image);
  out.number("nonzero_pages", info.nonzero_pages);
  out.number("working_set_pages", info.working_set_pages);
  out.number("touched_pages", info.touched_pages);
  out.number("loading_set_regions", info.loading_set_regions);
  out.number("loading_set_pages", info.loading_set_pages);
  out.number("stream_set_pages", info.stream_set_pages);
  out.number("stream_set_zero_pages", info.stream_set_zero_pages);
  out.number("merge_gap_pages", info.thresholds.merge_gap_pages);
  out.number("minimum_pages", info.thresholds.minimum_pages);
  out.labels(info.labels);
  out.record(kStateFile, manifest.state);
  out.record(kMemoryFile, manifest.memory);
  for (const auto& [name, record] : kOptionalFiles) {
    if (manifest.*record) {
      out.record(name, *(manifest.*record));
    }
  }
  std::string text = fmt::format("{}{}\n", kFirstLine, kSnapshotVersion) + out.take();
  text += fmt::format("{}{:08x}\n", kChecksumKey, checksum_of(text));
  if (text.size() > kMaximumManifest.value) {
    refuse_manifest(fmt::format("manifest has {} bytes, expected at most {}", text.size(),
                                kMaximumManifest.value));
  }
  return text;
}

Manifest decode_manifest(std::string_view text, const std::filesystem::path& file) {
  ManifestReader in(file);
  if (text.size() > kMaximumManifest.value) {
    in.reject(
        fmt::format("file has {} bytes, expected at most {}", text.size(), kMaximumManifest.value));
  }
  std::string_view rest = text;
  const std::uint32_t version = check_first_line(take_line(rest), in, file);
  rest = checked_body(text, in);
  take_line(rest);
  while (!rest.empty()) {
    in.add_line(take_line(rest));
  }
  Manifest manifest;
  SnapshotInfo& info = manifest.info;
  info.format_version = version;
  info.id = in.text("id");
  info.created = Nanoseconds(in.number("created_ns"));
  info.memory = {in.number("memory_bytes")};
  info.vcpus = static_cast<unsigned>(in.number("vcpus", std::numeric_limits<unsigned>::max()));
  info.kernel = in.optional_identity("kernel");
  info.initramfs = in.optional_identity("initramfs");
  info.root_image = in.optional_identity("root_image");
  info.nonzero_pages = in.number("nonzero_pages");
  info.working_set_pages = in.number("working_set_pages");
  info.touched_pages = in.number("touched_pages");
  info.loading_set_regions = in.number("loading_set_regions");
  info.loading_set_pages = in.number("loading_set_pages");
  info.stream_set_pages = in.number("stream_set_pages");
  info.stream_set_zero_pages = in.number("stream_set_zero_pages");
  info.thresholds.merge_gap_pages = in.number("merge_gap_pages");
  info.thresholds.minimum_pages = in.number("minimum_pages");
  info.labels = in.labels();
  manifest.state = in.record(std::string(kStateFile));
  manifest.memory = in.record(std::string(kMemoryFile));
  for (const auto& [name, record] : kOptionalFiles) {
    manifest.*record = in.optional_record(std::string(name));
  }
  in.finish();
  check_sizes(info, in);
  if (version < 3 &&
      (info.kernel.modified != Nanoseconds(0) || info.initramfs.modified != Nanoseconds(0) ||
       info.root_image.modified != Nanoseconds(0))) {
    in.reject("a key '*.modified_ns' needs version 3");
  }
  return manifest;
}

void ManifestWriter::number(std::string_view key, std::uint64_t value) {
  text(key, fmt::format("{}", value));
}

void ManifestWriter::checksum(std::string_view key, std::uint32_t value) {
  text(key, fmt::format("{:08x}", value));
}

void ManifestWriter::text(std::string_view key, std::string_view value) {
  if (!is_printable(value)) {
    refuse_line(fmt::format("the value of '{}' contains control characters", key));
  }
  text_ += fmt::format("{}{}{}\n", key, kSeparator, value);
}

void ManifestWriter::identity(std::string_view key, const FileIdentity& file) {
  if (!file.path.empty()) {
    text(fmt::format("{}.path", key), file.path.string());
    record(key, {file.size, file.checksum});
    if (file.modified != Nanoseconds(0)) {
      checksum(fmt::format("{}.sample_crc32c", key), file.sample);
      number(fmt::format("{}.modified_ns", key), static_cast<std::uint64_t>(file.modified.count()));
      number(fmt::format("{}.inode", key), file.inode);
    }
  }
}

void ManifestWriter::record(std::string_view key, const FileRecord& file) {
  number(fmt::format("{}.bytes", key), file.size.value);
  checksum(fmt::format("{}.crc32c", key), file.checksum);
}

void ManifestWriter::labels(const std::map<std::string, std::string>& labels) {
  for (const auto& [key, value] : labels) {
    if (!is_key(key)) {
      refuse_line(fmt::format("label '{}' has characters outside [a-z0-9_.-]", key));
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
    reject(fmt::format("the line of key '{}' contains invalid characters", key));
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
  FileIdentity identity{path, size, sum};
  if (has(key + ".modified_ns")) {
    identity.sample = checksum(key + ".sample_crc32c");
    identity.modified = Nanoseconds(number(key + ".modified_ns"));
    identity.inode = number(key + ".inode", std::numeric_limits<std::uint64_t>::max());
  }
  return identity;
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

// A number has only one valid spelling: the one that ManifestWriter writes.
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
