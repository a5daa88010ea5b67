// SPDX-License-Identifier: Apache-2.0

#include "vm/vm_files.h"

#include <fcntl.h>
#include <utility>

#include "base/error.h"

namespace faasnap {

BootFiles open_boot_files(const VmOptions& options) {
  return {.kernel = {base::open_regular(options.kernel), options.kernel},
          .initramfs = base::open_if_named(options.initramfs),
          .root_image = base::open_if_named(options.root_image)};
}

RootImage open_root_image(const OpenedSnapshot& snapshot, const RestoreOptions& options) {
  const FileIdentity& saved = snapshot.info().root_image;
  if (saved.path.empty()) {
    return {};
  }
  const bool given = !options.root_image.empty();
  const std::filesystem::path path =
      given ? options.root_image : find_image(saved, options.image_directories);
  base::UniqueFd file = base::open_regular(path, given ? 0 : O_NOFOLLOW);
  FileIdentity identity = snapshot.require_same(format::kRootImage, file, path);
  return {std::move(identity), std::move(file)};
}

VmSnapshots::VmSnapshots(const BootFiles& files) {
  const auto add = [&](FileIdentity& identity, const base::OpenFile& file) {
    if (file) {
      identity.path = file.path;
      boot_files_.push_back({&identity, stamp_of(file.fd, file.path)});
    }
  };
  add(kernel_, files.kernel);
  add(initramfs_, files.initramfs);
  add(root_image_, files.root_image);
}

VmSnapshots::VmSnapshots(const SnapshotInfo& source, const FileIdentity& root_image)
    : kernel_(source.kernel),
      initramfs_(source.initramfs),
      root_image_(root_image),
      identified_(true) {}

Snapshot VmSnapshots::write(const std::filesystem::path& path, const SnapshotOptions& options,
                            Bytes memory, unsigned vcpus, const CaptureMachine& capture) {
  const std::lock_guard lock(mutex_);
  identify_files();
  const SnapshotContents contents{.capture = capture,
                                  .memory = memory,
                                  .vcpus = vcpus,
                                  .kernel = kernel_,
                                  .initramfs = initramfs_,
                                  .root_image = root_image_,
                                  .labels = options.labels,
                                  .working_set = options.working_set,
                                  .thresholds = options.thresholds,
                                  .base = options.base};
  return create_snapshot(path, contents, options.progress);
}

// The files may have been rebuilt since the guest was booted from them.
void VmSnapshots::identify_files() {
  if (!identified_) {
    for (BootFile& file : boot_files_) {
      *file.identity = identify_file(file.identity->path);
      if (stamp_of(*file.identity) != file.stamp) {
        base::fail(ErrorKind::corrupt, "create snapshot", file.identity->path,
                   "file has been written to since the guest was booted from it");
      }
    }
    identified_ = true;
  }
}

}  // namespace faasnap
