#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include <faasnap/snapshot.h>
#include <faasnap/units.h>

namespace faasnap::format {

// The version of a snapshot as a whole.
inline constexpr std::uint32_t kSnapshotVersion = 1;
inline constexpr Bytes kMaximumManifest{64ULL << 10};

// What the manifest says of another file of the snapshot, so that one swapped for another
// snapshot's is noticed.
struct FileRecord {
  Bytes size;
  // The checksum in the file's own frame.
  std::uint32_t checksum = 0;

  bool operator==(const FileRecord&) const = default;
};

// The content of `manifest`. `info.format_version` is kSnapshotVersion.
struct Manifest {
  SnapshotInfo info;
  FileRecord state;
  FileRecord memory;
  std::optional<FileRecord> working_set;
  std::optional<FileRecord> loading_set;
};

// The manifest as text: `key = value` lines (docs/snapshot-format.md). Throws
// ErrorKind::invalid_argument for what the text cannot hold: control characters in a path or
// label, a label key outside [a-z0-9_.-], more than kMaximumManifest bytes.
std::string encode_manifest(const Manifest& manifest);

// Strict: an unknown, missing or repeated key, or a number out of range, is ErrorKind::corrupt;
// another version in the first line is ErrorKind::version. `file` is for messages.
Manifest decode_manifest(std::string_view text, const std::filesystem::path& file);

}  // namespace faasnap::format
