// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <filesystem>
#include <mutex>
#include <vector>

#include <faasnap/restore_options.h>
#include <faasnap/snapshot.h>
#include <faasnap/vm_options.h>

#include "base/files/file.h"
#include "snapshot/image_identity.h"
#include "snapshot/opened_snapshot.h"
#include "snapshot/snapshot_writer.h"

namespace faasnap {

// The files that a VM is booted from. The last two may be empty.
struct BootFiles {
  base::OpenFile kernel{};
  base::OpenFile initramfs{};
  base::OpenFile root_image{};
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

// The snapshots of one VM: they name the files that it was made from.
class VmSnapshots {
 public:
  // Files of a booted VM: their sizes and checksums are found out when a snapshot needs them.
  explicit VmSnapshots(const BootFiles& files);
  // Files of a VM that was restored from `source`, with the root image that was opened for it.
  VmSnapshots(const SnapshotInfo& source, const FileIdentity& root_image);

  // Writes a snapshot as VM::snapshot does, one at a time. May be called from any thread.
  Snapshot write(const std::filesystem::path& path, const SnapshotOptions& options, Bytes memory,
                 unsigned vcpus, const CaptureMachine& capture);

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
