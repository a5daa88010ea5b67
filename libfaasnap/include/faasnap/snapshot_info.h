// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include <faasnap/units.h>

namespace faasnap {

// Parameters of the loading set (FaaSnap, section 4.6).
struct LoadingSetThresholds {
  // Regions closer than this many pages are merged; 32 suits a local SSD, 0 remote storage.
  std::uint64_t merge_gap_pages = 32;
  // Regions with fewer recorded pages than this are left out; 0 keeps all.
  std::uint64_t minimum_pages = 0;
};

// A file that a snapshot depends on but does not hold.
struct FileIdentity {
  std::filesystem::path path{};
  Bytes size{};
  // CRC-32C of the content.
  std::uint32_t checksum = 0;
  // CRC-32C of a sample of the content: of up to 64 pages, spread evenly.
  std::uint32_t sample = 0;
  // The file when its content was last compared with the checksum: time of modification since the
  // Unix epoch, and inode number. 0 if it is not known (format version 2).
  Nanoseconds modified{0};
  std::uint64_t inode = 0;
};

// The snapshot that another one is a layer over.
struct BaseIdentity {
  std::string id{};
  // The checksum of its file `state`, which has the checksums of its image.
  std::uint32_t checksum = 0;

  bool operator==(const BaseIdentity&) const = default;
};

// The content of a snapshot's manifest (docs/reference/snapshot-format.md).
struct SnapshotInfo {
  std::uint32_t format_version = 0;
  // Random; connects the files made from a recording with their memory image.
  std::string id{};
  // Time since the Unix epoch.
  Nanoseconds created{0};
  Bytes memory{};
  // 0 for an image alone.
  unsigned vcpus = 0;
  // The size of the disks besides the root disk together; 0 if there are none.
  Bytes disks{};
  FileIdentity kernel{};
  // The paths are empty if the VM had no such file.
  FileIdentity initramfs{};
  FileIdentity root_image{};
  std::map<std::string, std::string> labels{};
  // The base, of which the snapshot keeps only the pages that differ; nothing if it keeps all.
  std::optional<BaseIdentity> base{};
  // Pages of the image that are not all zero, and those of them that the snapshot keeps itself.
  std::uint64_t nonzero_pages = 0;
  std::uint64_t stored_pages = 0;
  // Pages recorded by mincore and by userfaultfd; 0 if there is no such recording.
  std::uint64_t working_set_pages = 0;
  std::uint64_t touched_pages = 0;
  // The size of the loading set; all zero if there is none.
  std::uint64_t loading_set_regions = 0;
  std::uint64_t loading_set_pages = 0;
  LoadingSetThresholds thresholds{};
  // Pages that the stream set installs, with data and as zeros.
  std::uint64_t stream_set_pages = 0;
  std::uint64_t stream_set_zero_pages = 0;
};

}  // namespace faasnap
