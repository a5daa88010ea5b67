#include "format/manifest.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "base/checksum.h"
#include "base/error.h"
#include "format/limits.h"
#include "format/manifest_lines.h"

namespace faasnap::format {
namespace {

constexpr std::string_view kFirstLine = "faasnap snapshot ";
constexpr std::string_view kChecksumKey = "crc32c = ";

std::uint32_t checksum_of(std::string_view text) {
  return base::crc32c(std::as_bytes(std::span(text)));
}

[[noreturn]] void refuse_manifest(const std::string& reason) {
  base::fail(ErrorKind::invalid_argument, "encode manifest", {}, reason);
}

// Takes the line up to the next '\n' off `text`.
std::string_view take_line(std::string_view& text) {
  const auto line = text.substr(0, text.find('\n'));
  text.remove_prefix(std::min(text.size(), line.size() + 1));
  return line;
}

void check_first_line(std::string_view line, const ManifestReader& decoder,
                      const std::filesystem::path& file) {
  if (!line.starts_with(kFirstLine)) {
    decoder.reject(fmt::format("does not begin with '{}{}'", kFirstLine, kSnapshotVersion));
  }
  const auto version = line.substr(kFirstLine.size());
  if (version != fmt::format("{}", kSnapshotVersion)) {
    base::fail(ErrorKind::version, "read", file,
               fmt::format("snapshot is of version '{}', expected {}", version, kSnapshotVersion));
  }
}

// Checks the last line, and returns what is before it.
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
  check_first_line(take_line(rest), in, file);
  rest = checked_body(text, in);
  take_line(rest);
  while (!rest.empty()) {
    in.add_line(take_line(rest));
  }
  Manifest manifest;
  SnapshotInfo& info = manifest.info;
  info.format_version = kSnapshotVersion;
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
  return manifest;
}

}  // namespace faasnap::format
