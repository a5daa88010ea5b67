// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "image/file_tree.h"

namespace faasnap::cli::erofs {

// The on-disk format of EROFS as far as images without compression need it
// (Documentation/filesystems/erofs.rst and fs/erofs/erofs_fs.h of Linux). Numbers are
// little-endian, as is every machine that this builds for.

inline constexpr std::uint64_t kBlock = 4096;
inline constexpr std::uint64_t kSuperOffset = 1024;
inline constexpr std::uint64_t kSuperSize = 128;
inline constexpr std::uint32_t kMagic = 0xe0f5e1e2;
inline constexpr std::uint8_t kBlockBits = 12;
// The inode of number n is n slots behind the begin of the metadata area.
inline constexpr std::uint64_t kSlot = 32;
inline constexpr std::uint64_t kCompactInode = 32;
inline constexpr std::uint64_t kExtendedInode = 64;
inline constexpr std::uint64_t kDirent = 12;

// Offsets in the superblock.
namespace super {
inline constexpr std::size_t kMagicAt = 0;
inline constexpr std::size_t kCompatibleFeatures = 8;
inline constexpr std::size_t kBlockBitsAt = 12;
inline constexpr std::size_t kRootInode = 14;
inline constexpr std::size_t kInodes = 16;
inline constexpr std::size_t kBuildTime = 24;
inline constexpr std::size_t kBlocks = 36;
inline constexpr std::size_t kMetaBlock = 40;
inline constexpr std::size_t kUuid = 48;
inline constexpr std::size_t kIncompatibleFeatures = 80;
}  // namespace super

// The feature "inodes have a time of modification".
inline constexpr std::uint32_t kFeatureModified = 2;
// The feature "compressed data is padded at its begin", which mkfs.erofs sets without compression,
// too.
inline constexpr std::uint32_t kFeatureZeroPadding = 1;

// Offsets in an inode. Those up to kAddress are the same in both forms.
namespace inode {
inline constexpr std::size_t kFormat = 0;
inline constexpr std::size_t kXattrs = 2;
inline constexpr std::size_t kMode = 4;
inline constexpr std::size_t kSize = 8;
inline constexpr std::size_t kAddress = 16;
inline constexpr std::size_t kNumber = 20;
inline constexpr std::size_t kUid = 24;
inline constexpr std::size_t kCompactGid = 26;
inline constexpr std::size_t kGid = 28;
inline constexpr std::size_t kModified = 32;
inline constexpr std::size_t kLinks = 44;
}  // namespace inode

// The format of an inode: bit 0 says which form, bits 1 to 3 where the data lies.
inline constexpr unsigned kExtended = 1;
inline constexpr unsigned kPlain = 0;
// What does not fill a block lies behind the inode, in the same block.
inline constexpr unsigned kInline = 2;

template <typename Number>
void store(std::span<std::byte> bytes, std::size_t offset, Number value) {
  std::memcpy(bytes.subspan(offset, sizeof value).data(), &value, sizeof value);
}

template <typename Number>
Number load(std::span<const std::byte> bytes, std::size_t offset) {
  Number value;
  std::memcpy(&value, bytes.subspan(offset, sizeof value).data(), sizeof value);
  return value;
}

}  // namespace faasnap::cli::erofs
