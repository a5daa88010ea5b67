// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include <faasnap/snapshot_info.h>
#include <faasnap/units.h>

#include "format/snapshot_directory.h"

namespace faasnap::format {

// The format version of a snapshot as a whole, and the oldest one that can be read.
inline constexpr std::uint32_t kSnapshotVersion = 5;
inline constexpr std::uint32_t kOldestSnapshotVersion = 2;
inline constexpr Bytes kMaximumManifest{64ULL << 10};

// What the manifest records of another file of the snapshot, so that a file of another snapshot in
// its place is detected.
struct FileRecord {
  Bytes size;
  // The checksum in the file's own frame.
  std::uint32_t checksum = 0;

  bool operator==(const FileRecord&) const = default;
};

// The content of the file `manifest`.
struct Manifest {
  SnapshotInfo info;
  FileRecord state;
  FileRecord memory;
  std::optional<FileRecord> disks;
  std::optional<FileRecord> working_set;
  std::optional<FileRecord> touched_set;
  std::optional<FileRecord> loading_set;
  std::optional<FileRecord> reap_set;
  std::optional<FileRecord> stream_set;
};

// The optional files of a snapshot, and their records in a manifest.
struct OptionalFile {
  std::string_view name;
  std::optional<FileRecord> Manifest::*record;
};
inline constexpr std::array<OptionalFile, 6> kOptionalFiles = {{
    {kDisksFile, &Manifest::disks},
    {kWorkingSetFile, &Manifest::working_set},
    {kTouchedSetFile, &Manifest::touched_set},
    {kLoadingSetFile, &Manifest::loading_set},
    {kReapSetFile, &Manifest::reap_set},
    {kStreamSetFile, &Manifest::stream_set},
}};

// The files that a snapshot depends on but does not hold, by their names in a manifest.
struct ImageFile {
  std::string_view name;
  FileIdentity SnapshotInfo::*identity;
};
inline constexpr ImageFile kRootImage{"root_image", &SnapshotInfo::root_image};
inline constexpr std::array<ImageFile, 3> kImageFiles = {{
    {"kernel", &SnapshotInfo::kernel},
    {"initramfs", &SnapshotInfo::initramfs},
    kRootImage,
}};

// Returns the manifest as text: `key = value` lines (docs/reference/snapshot-format.md). Its
// version is the one that it was read in, if that is 3 or more and knows what it has, otherwise
// kSnapshotVersion. Throws
// ErrorKind::invalid_argument for what the text cannot hold: control characters in a path or label,
// a label key outside [a-z0-9_.-], more than kMaximumManifest bytes.
std::string encode_manifest(const Manifest& manifest);

// Parses strictly. Throws ErrorKind::corrupt for an unknown, missing or repeated key and for a
// number out of range, and ErrorKind::version for another version in the first line. `file` names
// the file in messages.
Manifest decode_manifest(std::string_view text, const std::filesystem::path& file);

// The lines of a manifest but its checksum. Those of the host say where it has the images and how
// it recognises them there: path, sample, time of modification and inode. They differ between hosts
// that have the same snapshot.
struct ManifestLines {
  std::string of_snapshot;
  std::string of_host;
};
// Checks nothing.
ManifestLines split_manifest(std::string_view text);

}  // namespace faasnap::format
