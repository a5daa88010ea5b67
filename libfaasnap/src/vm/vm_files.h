// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <filesystem>
#include <mutex>
#include <span>
#include <vector>

#include <faasnap/restore_options.h>
#include <faasnap/snapshot.h>
#include <faasnap/vm_options.h>

#include "base/files/file.h"
#include "machine/machine.h"
#include "snapshot/image_identity.h"
#include "snapshot/opened_snapshot.h"
#include "snapshot/snapshot_writer.h"
#include "virtio/block/disk_content.h"

namespace faasnap {

// The files that a VM is booted from. Initramfs and root image may be empty.
struct BootFiles {
  base::OpenFile kernel{};
  base::OpenFile initramfs{};
  base::OpenFile root_image{};
  // One for each of VmOptions::disks.
  std::vector<base::UniqueFd> disks{};
};

BootFiles open_boot_files(const VmOptions& options);

// The root image of a VM that is restored, and what it is. Closed if there is none.
struct RootImage {
  FileIdentity identity{};
  base::UniqueFd file{};
};

// Opens the image that the options or the snapshot name. Throws if it has other content than the
// one that was saved.
RootImage open_root_image(const OpenedSnapshot& snapshot, const RestoreOptions& options);

// Returns the disks of a VM that is booted, of their open files.
std::vector<virtio::DiskContent> booted_disks(std::span<const DiskOptions> options,
                                              std::vector<base::UniqueFd> files);
std::vector<machine::DiskShape> shapes_of(std::span<const virtio::DiskContent> disks);

// Makes the files that a VM which is restored writes for its disks: one for each that is not
// read-only.
std::vector<base::UniqueFd> make_disk_files(const OpenedSnapshot& snapshot,
                                            const VmAttachments& attachments);
// Returns the disks of that VM: each upon its part of the snapshot's file `disks`, which all VMs
// restored from it share. Throws ErrorKind::corrupt if the shape does not fit the file.
std::vector<virtio::DiskContent> restored_disks(const OpenedSnapshot& snapshot,
                                                std::span<const machine::DiskShape> disks,
                                                std::vector<base::UniqueFd> files);

// The snapshots of one VM: they name the files that it was made from.
class VmSnapshots {
 public:
  // Files of a booted VM: their sizes and checksums are found out when a snapshot needs them.
  explicit VmSnapshots(const BootFiles& files);
  // Files of a VM that was restored from `source`, with the root image that was opened for it.
  VmSnapshots(const SnapshotInfo& source, const FileIdentity& root_image);

  // Writes a snapshot as VM::snapshot does, one at a time. May be called from any thread.
  // `disks` is the size of the disks besides the root disk.
  Snapshot write(const std::filesystem::path& path, const SnapshotOptions& options, Bytes memory,
                 Bytes disks, unsigned vcpus, const CaptureMachine& capture);

 private:
  void identify_files();

  std::mutex mutex_;
  FileIdentity kernel_;
  FileIdentity initramfs_;
  FileIdentity root_image_;
  bool identified_ = false;
  // The files that were booted from, as they were then.
  struct BootFile {
    FileIdentity* identity;
    FileStamp stamp;
  };
  std::vector<BootFile> boot_files_;
};

}  // namespace faasnap
