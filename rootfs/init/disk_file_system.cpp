// SPDX-License-Identifier: Apache-2.0

#include "disk_file_system.h"

#include <ext2fs/ext2fs.h>

#include <et/com_err.h>

#include <cstring>

#include "text.h"

namespace faasnap::init {
namespace {

constexpr unsigned kLogBlock = 2;     // 4 KiB, a page
constexpr unsigned kInodeSize = 256;  // with room for the overlay's attributes
constexpr std::uint64_t kBlock = 1024ULL << kLogBlock;
// As mke2fs does.
constexpr std::uint64_t kBytesForInode = 16384;
constexpr std::uint64_t kLargest = std::uint64_t{1} << 43;

// Closes the file system if it was not written whole.
class FileSystem {
 public:
  FileSystem(const std::string& device, ext2_super_block& form) {
    error_ = ::ext2fs_initialize(device.c_str(), EXT2_FLAG_64BITS, &form, unix_io_manager, &fs_);
  }
  FileSystem(const FileSystem&) = delete;
  FileSystem& operator=(const FileSystem&) = delete;
  ~FileSystem() {
    if (fs_ != nullptr) {
      ::ext2fs_free(fs_);
    }
  }

  // Runs the steps until one fails.
  errcode_t write() {
    if (error_ == 0) {
      error_ = ::ext2fs_allocate_tables(fs_);
    }
    if (error_ == 0) {
      leave_unwritten();
      error_ = ::ext2fs_mkdir(fs_, EXT2_ROOT_INO, EXT2_ROOT_INO, nullptr);
    }
    if (error_ == 0) {
      reserve_inodes();
      error_ = ::ext2fs_close_free(&fs_);
    }
    return error_;
  }

 private:
  // The kernel takes what is marked so as empty, and nothing of it is written.
  void leave_unwritten() {
    for (dgrp_t group = 0; group < fs_->group_desc_count; ++group) {
      ::ext2fs_bg_flags_set(fs_, group, EXT2_BG_INODE_ZEROED);
      if (group != 0) {
        ::ext2fs_bg_flags_set(fs_, group, EXT2_BG_INODE_UNINIT);
        ::ext2fs_bg_itable_unused_set(fs_, group, fs_->super->s_inodes_per_group);
      }
      ::ext2fs_group_desc_csum_set(fs_, group);
    }
  }

  void reserve_inodes() {
    for (ext2_ino_t inode = EXT2_BAD_INO; inode < EXT2_FIRST_INODE(fs_->super); ++inode) {
      if (inode != EXT2_ROOT_INO) {
        ::ext2fs_inode_alloc_stats2(fs_, inode, +1, 0);
      }
    }
  }

  ext2_filsys fs_ = nullptr;
  errcode_t error_ = 0;
};

ext2_super_block make_form(blk64_t blocks) {
  ext2_super_block form{};
  form.s_rev_level = EXT2_DYNAMIC_REV;
  form.s_log_block_size = kLogBlock;
  form.s_log_cluster_size = kLogBlock;
  form.s_inode_size = kInodeSize;
  form.s_errors = EXT2_ERRORS_RO;
  form.s_feature_compat = EXT2_FEATURE_COMPAT_EXT_ATTR;
  form.s_feature_incompat = EXT2_FEATURE_INCOMPAT_FILETYPE | EXT3_FEATURE_INCOMPAT_EXTENTS;
  form.s_feature_ro_compat = EXT2_FEATURE_RO_COMPAT_SPARSE_SUPER |
                             EXT2_FEATURE_RO_COMPAT_LARGE_FILE | EXT4_FEATURE_RO_COMPAT_HUGE_FILE |
                             EXT4_FEATURE_RO_COMPAT_GDT_CSUM | EXT4_FEATURE_RO_COMPAT_EXTRA_ISIZE;
  ::ext2fs_blocks_count_set(&form, blocks);
  form.s_inodes_count = static_cast<__u32>(
      std::min<std::uint64_t>(blocks * kBlock / kBytesForInode, std::uint64_t{1} << 31));
  return form;
}

}  // namespace

std::string make_disk_file_system(const std::string& device) {
  blk64_t blocks = 0;
  errcode_t error = ::ext2fs_get_device_size2(device.c_str(), kBlock, &blocks);
  if (error == 0) {
    if (blocks > kLargest / kBlock) {
      return device + ": larger than 8 TiB";
    }
    ext2_super_block form = make_form(blocks);
    error = FileSystem(device, form).write();
  }
  if (error == 0) {
    return {};
  }
  ::initialize_ext2_error_table();
  return device + ": " + ::error_message(error);
}

}  // namespace faasnap::init
