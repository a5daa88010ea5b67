// SPDX-License-Identifier: Apache-2.0

#include "vm/vm_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>

#include <cerrno>
#include <utility>

#include "base/error.h"
#include "format/snapshot_directory.h"

namespace faasnap {
namespace {

constexpr const char* kAttaching = "attach disk";
constexpr const char* kScratchDirectory = "/var/tmp";

base::UniqueFd make_scratch(const VmAttachments& attachments, Bytes size) {
  const auto& directory = attachments.scratch_directory;
  return base::make_unnamed_file(directory.empty() ? kScratchDirectory : directory, size);
}

base::UniqueFd open_disk(const DiskOptions& disk, const VmAttachments& attachments) {
  const auto refuse = [&](const std::string& reason) {
    base::fail(ErrorKind::invalid_argument, kAttaching, disk.path, reason);
  };
  if (disk.path.empty()) {
    if (disk.size.value == 0 || disk.read_only) {
      refuse("a scratch disk has a size, and is not read-only");
    }
    return make_scratch(attachments, disk.size);
  }
  if (disk.size.value != 0) {
    refuse(fmt::format("size is {}, expected 0 for a disk that is a file", disk.size.value));
  }
  base::UniqueFd file = base::open_regular(disk.path);
  if (!disk.read_only) {
    file = base::open_file(disk.path, O_RDWR | O_NONBLOCK);
  }
  if (base::file_size(file, disk.path).value == 0) {
    refuse("the file is empty");
  }
  // Guests that write to one file, or read it while another writes, destroy its content.
  if (::flock(file.get(), (disk.read_only ? LOCK_SH : LOCK_EX) | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) {
      base::fail_errno("lock", disk.path);
    }
    refuse("is the disk of another VM, and one of the two writes to it");
  }
  return file;
}

base::UniqueFd duplicate(const base::UniqueFd& fd, const std::filesystem::path& path) {
  base::UniqueFd copy(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 0));
  if (!copy) {
    base::fail_errno(kAttaching, path);
  }
  return copy;
}

}  // namespace

BootFiles open_boot_files(const VmOptions& options) {
  BootFiles files{.kernel = {base::open_regular(options.kernel), options.kernel},
                  .initramfs = base::open_if_named(options.initramfs),
                  .root_image = base::open_if_named(options.root_image)};
  for (const DiskOptions& disk : options.disks) {
    files.disks.push_back(open_disk(disk, options.attachments));
  }
  return files;
}

std::vector<virtio::DiskContent> booted_disks(std::span<const DiskOptions> options,
                                              std::vector<base::UniqueFd> files) {
  std::vector<virtio::DiskContent> disks;
  for (std::size_t i = 0; i < files.size(); ++i) {
    const DiskOptions& disk = options[i];
    const Bytes size = disk.path.empty() ? disk.size : base::file_size(files[i], disk.path);
    disks.push_back(virtio::DiskContent({.file = {.fd = std::move(files[i]), .path = disk.path},
                                         .size = size,
                                         .read_only = disk.read_only,
                                         .durable = !disk.path.empty()}));
  }
  return disks;
}

std::vector<machine::DiskShape> shapes_of(std::span<const virtio::DiskContent> disks) {
  std::vector<machine::DiskShape> shapes;
  for (const virtio::DiskContent& disk : disks) {
    shapes.push_back({.size = disk.size(), .read_only = disk.read_only()});
  }
  return shapes;
}

std::vector<base::UniqueFd> make_disk_files(const OpenedSnapshot& snapshot,
                                            const VmAttachments& attachments) {
  std::vector<base::UniqueFd> files;
  if (snapshot.disks() != nullptr) {
    const auto state = snapshot.path_of(format::kStateFile);
    for (const auto& disk : machine::read_shape(snapshot.sections(), state).disks) {
      if (!disk.read_only) {
        files.push_back(make_scratch(attachments, disk.size));
      }
    }
  }
  return files;
}

std::vector<virtio::DiskContent> restored_disks(const OpenedSnapshot& snapshot,
                                                std::span<const machine::DiskShape> disks,
                                                std::vector<base::UniqueFd> files) {
  const auto path = snapshot.path_of(format::kDisksFile);
  if (machine::size_of_disks(disks) != snapshot.info().disks) {
    base::fail(ErrorKind::corrupt, kAttaching, snapshot.path_of(format::kStateFile),
               fmt::format("section 'machine': the disks have {} bytes together, and the file '{}' "
                           "has {}",
                           machine::size_of_disks(disks).value, format::kDisksFile,
                           snapshot.info().disks.value));
  }
  const auto pages = machine::pages_of_disks(disks);
  std::vector<virtio::DiskContent> contents;
  auto own = files.begin();
  for (std::size_t i = 0; i < disks.size(); ++i) {
    virtio::DiskFile saved{.fd = duplicate(snapshot.fd_of(format::kDisksFile), path),
                           .path = path,
                           .begin = pages[i].first.offset().value};
    virtio::DiskFiles disk{.size = disks[i].size, .read_only = disks[i].read_only};
    if (disk.read_only) {
      disk.file = std::move(saved);
    } else if (own != files.end()) {
      disk.file.fd = std::move(*own++);
      disk.below = std::move(saved);
    } else {
      base::fail(ErrorKind::internal, kAttaching, path, "a disk has no file to write to");
    }
    contents.push_back(virtio::DiskContent(std::move(disk)));
  }
  return contents;
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
                            Bytes memory, Bytes disks, unsigned vcpus,
                            const CaptureMachine& capture) {
  const std::lock_guard lock(mutex_);
  identify_files();
  const SnapshotContents contents{.capture = capture,
                                  .memory = memory,
                                  .disks = disks,
                                  .vcpus = vcpus,
                                  .kernel = kernel_,
                                  .initramfs = initramfs_,
                                  .root_image = root_image_,
                                  .labels = options.labels,
                                  .working_set = options.working_set,
                                  .thresholds = options.thresholds,
                                  .compression = options.compression.value_or(Compression::none),
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
