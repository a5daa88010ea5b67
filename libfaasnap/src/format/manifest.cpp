// SPDX-License-Identifier: Apache-2.0

#include "format/manifest.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "base/checksum.h"
#include "base/error.h"
#include "format/limits.h"
#include "format/memory_image.h"
#include "format/text_fields.h"

namespace faasnap::format {
namespace {

constexpr std::string_view kFirstLine = "faasnap snapshot ";
constexpr std::string_view kChecksumKey = "crc32c = ";
constexpr std::string_view kLabelPrefix = "label.";
constexpr const char* kBaseId = "base.id";
constexpr const char* kBaseChecksum = "base.crc32c";
constexpr const char* kStoredPages = "stored_pages";

std::uint32_t checksum_of(std::string_view text) {
  return base::crc32c(std::as_bytes(std::span(text)));
}

// Returns the version.
std::uint32_t check_first_line(std::string_view line, const TextReader& decoder,
                               const std::filesystem::path& file) {
  if (!line.starts_with(kFirstLine)) {
    decoder.reject(fmt::format("does not begin with '{}{}'", kFirstLine, kSnapshotVersion));
  }
  const auto found = line.substr(kFirstLine.size());
  for (std::uint32_t version = kOldestSnapshotVersion; version <= kSnapshotVersion; ++version) {
    if (found == fmt::format("{}", version)) {
      return version;
    }
  }
  base::fail(ErrorKind::version, "read", file,
             fmt::format("snapshot has version '{}', expected {} to {}", found,
                         kOldestSnapshotVersion, kSnapshotVersion));
}

// Checks the last line, and returns the text before it.
std::string_view checked_body(std::string_view text, const TextReader& decoder) {
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

void check_sizes(const SnapshotInfo& info, const TextReader& decoder) {
  if (const auto defect = defect_of(info.id, info.memory)) {
    decoder.reject(*defect);
  }
}

// The versions that know the lines of a base, and of disks.
constexpr std::uint32_t kBaseVersion = 4;
constexpr std::uint32_t kDisksVersion = 5;

// A manifest stays what it was from version 3 on, so that its signature stays good.
std::uint32_t written_version(const Manifest& manifest) {
  const std::uint32_t read = manifest.info.format_version;
  const std::uint32_t needed = manifest.disks       ? kDisksVersion
                               : manifest.info.base ? kBaseVersion
                                                    : 3;
  return read >= needed ? std::min(read, kSnapshotVersion) : kSnapshotVersion;
}

// Writes nothing for a snapshot without a base.
void write_base(TextWriter& out, const SnapshotInfo& info) {
  if (info.base) {
    out.text(kBaseId, info.base->id);
    out.checksum(kBaseChecksum, info.base->checksum);
    out.number(kStoredPages, info.stored_pages);
  }
}

void read_base(TextReader& in, SnapshotInfo& info) {
  info.stored_pages = info.nonzero_pages;
  if (!in.has(kBaseId)) {
    return;
  }
  info.base = BaseIdentity{.id = in.text(kBaseId), .checksum = in.checksum(kBaseChecksum)};
  info.stored_pages = in.number(kStoredPages);
  if (info.format_version < kBaseVersion) {
    in.reject(fmt::format("a key '{}' needs version {}", kBaseId, kBaseVersion));
  }
  if (info.stored_pages > info.nonzero_pages) {
    in.reject(fmt::format("{} is {}, expected at most {}", kStoredPages, info.stored_pages,
                          info.nonzero_pages));
  }
  if (const auto defect = defect_of(info.base->id, info.memory)) {
    in.reject(fmt::format("{}: {}", kBaseId, *defect));
  }
}

void write_record(TextWriter& out, std::string_view key, const FileRecord& file) {
  out.number(fmt::format("{}.bytes", key), file.size.value);
  out.checksum(fmt::format("{}.crc32c", key), file.checksum);
}

FileRecord read_record(TextReader& in, std::string_view key) {
  return {{in.number(fmt::format("{}.bytes", key))}, in.checksum(fmt::format("{}.crc32c", key))};
}

// Writes nothing for an empty path.
void write_identity(TextWriter& out, std::string_view key, const FileIdentity& file) {
  if (!file.path.empty()) {
    out.text(fmt::format("{}.path", key), file.path.string());
    write_record(out, key, {file.size, file.checksum});
    if (file.modified != Nanoseconds(0)) {
      out.checksum(fmt::format("{}.sample_crc32c", key), file.sample);
      out.number(fmt::format("{}.modified_ns", key),
                 static_cast<std::uint64_t>(file.modified.count()));
      out.number(fmt::format("{}.inode", key), file.inode);
    }
  }
}

FileIdentity read_identity(TextReader& in, std::string_view key) {
  const auto field = [&](const char* name) { return fmt::format("{}.{}", key, name); };
  if (!in.has(field("path"))) {
    return {};
  }
  const std::string path = in.text(field("path"));
  const auto [size, sum] = read_record(in, key);
  FileIdentity identity{path, size, sum};
  if (in.has(field("modified_ns"))) {
    identity.sample = in.checksum(field("sample_crc32c"));
    identity.modified = Nanoseconds(in.number(field("modified_ns")));
    identity.inode = in.number(field("inode"), std::numeric_limits<std::uint64_t>::max());
  }
  return identity;
}

void write_labels(TextWriter& out, const std::map<std::string, std::string>& labels) {
  for (const auto& [key, value] : labels) {
    if (!is_key(key)) {
      out.refuse(fmt::format("label '{}' has characters outside [a-z0-9_.-]", key));
    }
    out.text(fmt::format("{}{}", kLabelPrefix, key), value);
  }
}

// Takes from the record of the disks what it says about the snapshot.
void read_disks(const TextReader& in, Manifest& manifest) {
  if (!manifest.disks) {
    return;
  }
  const Bytes size = manifest.disks->size;
  if (manifest.info.format_version < kDisksVersion) {
    in.reject(fmt::format("a key '{}.bytes' needs version {}", kDisksFile, kDisksVersion));
  }
  if (size.value % kPageSize != 0 || size <= image_file_size({})) {
    in.reject(fmt::format("{}.bytes is {}, expected pages, and one more", kDisksFile, size.value));
  }
  manifest.info.disks = size - image_file_size({});
}

// True for a line that says where a host has an image, and how it recognises it there.
bool is_of_host(std::string_view line) {
  return std::ranges::any_of(kImageFiles, [&](const ImageFile& image) {
    return line.starts_with(image.name) &&
           std::ranges::any_of(
               std::array{".path = ", ".sample_crc32c = ", ".modified_ns = ", ".inode = "},
               [&](std::string_view field) {
                 return line.substr(image.name.size()).starts_with(field);
               });
  });
}

}  // namespace

std::string encode_manifest(const Manifest& manifest) {
  const SnapshotInfo& info = manifest.info;
  TextWriter out("manifest");
  out.text("id", info.id);
  out.number("created_ns", static_cast<std::uint64_t>(info.created.count()));
  out.number("memory_bytes", info.memory.value);
  out.number("vcpus", info.vcpus);
  for (const auto& [name, identity] : kImageFiles) {
    write_identity(out, name, info.*identity);
  }
  write_base(out, info);
  out.number("nonzero_pages", info.nonzero_pages);
  out.number("working_set_pages", info.working_set_pages);
  out.number("touched_pages", info.touched_pages);
  out.number("loading_set_regions", info.loading_set_regions);
  out.number("loading_set_pages", info.loading_set_pages);
  out.number("stream_set_pages", info.stream_set_pages);
  out.number("stream_set_zero_pages", info.stream_set_zero_pages);
  out.number("merge_gap_pages", info.thresholds.merge_gap_pages);
  out.number("minimum_pages", info.thresholds.minimum_pages);
  write_labels(out, info.labels);
  write_record(out, kStateFile, manifest.state);
  write_record(out, kMemoryFile, manifest.memory);
  for (const auto& [name, record] : kOptionalFiles) {
    if (manifest.*record) {
      write_record(out, name, *(manifest.*record));
    }
  }
  std::string text = fmt::format("{}{}\n", kFirstLine, written_version(manifest)) + out.take();
  text += fmt::format("{}{:08x}\n", kChecksumKey, checksum_of(text));
  if (text.size() > kMaximumManifest.value) {
    out.refuse(fmt::format("manifest has {} bytes, expected at most {}", text.size(),
                           kMaximumManifest.value));
  }
  return text;
}

Manifest decode_manifest(std::string_view text, const std::filesystem::path& file) {
  TextReader in(file);
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
  for (const auto& [name, identity] : kImageFiles) {
    info.*identity = read_identity(in, name);
  }
  info.nonzero_pages = in.number("nonzero_pages");
  read_base(in, info);
  info.working_set_pages = in.number("working_set_pages");
  info.touched_pages = in.number("touched_pages");
  info.loading_set_regions = in.number("loading_set_regions");
  info.loading_set_pages = in.number("loading_set_pages");
  info.stream_set_pages = in.number("stream_set_pages");
  info.stream_set_zero_pages = in.number("stream_set_zero_pages");
  info.thresholds.merge_gap_pages = in.number("merge_gap_pages");
  info.thresholds.minimum_pages = in.number("minimum_pages");
  info.labels = in.texts(kLabelPrefix);
  manifest.state = read_record(in, kStateFile);
  manifest.memory = read_record(in, kMemoryFile);
  for (const auto& [name, record] : kOptionalFiles) {
    if (in.has(fmt::format("{}.bytes", name))) {
      manifest.*record = read_record(in, name);
    }
  }
  in.finish();
  check_sizes(info, in);
  read_disks(in, manifest);
  if (version < 3 &&
      (info.kernel.modified != Nanoseconds(0) || info.initramfs.modified != Nanoseconds(0) ||
       info.root_image.modified != Nanoseconds(0))) {
    in.reject("a key '*.modified_ns' needs version 3");
  }
  return manifest;
}

ManifestLines split_manifest(std::string_view text) {
  ManifestLines lines;
  while (!text.empty()) {
    const std::string_view line = take_line(text);
    if (!line.starts_with(kChecksumKey)) {
      std::string& part = is_of_host(line) ? lines.of_host : lines.of_snapshot;
      part.append(line).push_back('\n');
    }
  }
  return lines;
}

}  // namespace faasnap::format
