// SPDX-License-Identifier: Apache-2.0

#include "root_file_system.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string_view>

#include "disk_file_system.h"
#include "fd.h"
#include "options.h"
#include "text.h"

namespace faasnap::init {
namespace {

constexpr std::size_t kLargestModuleList = 64 << 10;
constexpr int kDeviceTries = 1000;
constexpr long kDevicePauseNs = 5'000'000;
constexpr const char* kModules = "/modules";
// What a file system on a disk needs besides.
constexpr const char* kDiskModules = "/modules-disk";
// Where the parts of the root lie in the initramfs.
constexpr const char* kImage = "/image";
constexpr const char* kWritten = "/written";
constexpr const char* kRoot = "/root";

void mount_on(const char* target, const char* type, unsigned long flags, const std::string& data,
              const char* source) {
  if (::mount(source, target, type, flags, data.c_str()) != 0) {
    die("mount %s on %s: %s", type, target, std::strerror(errno));
  }
}

void make_directory(const char* path, mode_t mode = 0755) {
  if (::mkdir(path, mode) != 0 && errno != EEXIST) {
    die("mkdir %s: %s", path, std::strerror(errno));
  }
}

void load_module(const std::string& path) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.is_open() || (::syscall(SYS_finit_module, file.get(), "", 0) != 0 && errno != EEXIST)) {
    die("module %s: %s", path.c_str(), std::strerror(errno));
  }
}

void load_modules_of(const char* file) {
  const auto list = read_file(file, kLargestModuleList);
  if (!list) {
    die("%s: the initramfs has no such list of modules", file);
  }
  for (std::string_view rest = *list;;) {
    const std::string_view path = take_word(rest);
    if (path.empty()) {
      return;
    }
    load_module(std::string(path));
  }
}

void wait_for_device(const std::string& device) {
  for (int i = 0; ::access(device.c_str(), F_OK) != 0; ++i) {
    if (i == kDeviceTries) {
      die("%s did not appear within 5 s", device.c_str());
    }
    const timespec pause{0, kDevicePauseNs};
    ::nanosleep(&pause, nullptr);
  }
}

// Mounts what takes the files that are written: a file system in memory, or one on a disk that is
// made anew.
void mount_written(const std::string& overlay, bool is_disk) {
  if (!is_disk) {
    mount_on(kWritten, "tmpfs", 0, "mode=0755,size=" + overlay, "written");
    return;
  }
  load_modules_of(kDiskModules);
  wait_for_device(overlay);
  const std::string error = make_disk_file_system(overlay);
  if (!error.empty()) {
    die("make a file system on the overlay's disk: %s", error.c_str());
  }
  // A removed file's blocks go back to the host.
  mount_on(kWritten, "ext4", MS_NOATIME, "discard", overlay.c_str());
}

// Removes what lies in the directory `fd`, which it closes, on its own file system.
void remove_content(int fd, dev_t file_system) {
  DIR* directory = ::fdopendir(fd);
  while (const dirent* entry = directory == nullptr ? nullptr : ::readdir(directory)) {
    const std::string_view name = entry->d_name;
    struct stat info;
    if (name == "." || name == ".." ||
        ::fstatat(fd, entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0 ||
        info.st_dev != file_system) {
      continue;
    }
    if (S_ISDIR(info.st_mode)) {
      const int inner = ::openat(fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
      if (inner >= 0) {
        remove_content(inner, file_system);
      }
    }
    ::unlinkat(fd, entry->d_name, S_ISDIR(info.st_mode) ? AT_REMOVEDIR : 0);
  }
  if (directory != nullptr) {
    ::closedir(directory);
  }
}

// As switch_root(8).
void switch_root(const char* root) {
  const int old = ::open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  struct statfs kind;
  struct stat info;
  // Nothing is removed from a file system that is not an initramfs.
  const bool is_initramfs = old >= 0 && ::fstatfs(old, &kind) == 0 && ::fstat(old, &info) == 0 &&
                            (kind.f_type == RAMFS_MAGIC || kind.f_type == TMPFS_MAGIC);
  if (::chdir(root) != 0 || ::mount(".", "/", nullptr, MS_MOVE, nullptr) != 0 ||
      ::chroot(".") != 0 || ::chdir("/") != 0) {
    die("change the root: %s", std::strerror(errno));
  }
  if (is_initramfs) {
    remove_content(old, info.st_dev);
  }
}

}  // namespace

void mount_kernel_file_systems() {
  for (const char* target : {"/dev", "/proc", "/sys"}) {
    make_directory(target);
  }
  mount_on("/dev", "devtmpfs", MS_NOSUID, "", "dev");
  mount_on("/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, "", "proc");
  mount_on("/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "", "sys");
}

void load_modules() { load_modules_of(kModules); }

void enter_root(const std::string& device, const std::string& overlay) {
  wait_for_device(device);
  for (const char* target : {kImage, kWritten, kRoot}) {
    make_directory(target);
  }
  mount_on(kImage, "erofs", MS_RDONLY, "", device.c_str());
  const bool is_disk = overlay.starts_with("/dev/");
  mount_written(overlay, is_disk);
  make_directory("/written/upper");
  make_directory("/written/work");
  mount_on(kRoot, "overlay", 0, "lowerdir=/image,upperdir=/written/upper,workdir=/written/work",
           "root");
  for (const char* target : {"dev", "proc", "sys", "tmp", "run"}) {
    make_directory(format("%s/%s", kRoot, target).c_str());
  }
  for (const char* target : {"/dev", "/proc", "/sys"}) {
    mount_on((kRoot + std::string(target)).c_str(), nullptr, MS_MOVE, "", target);
  }
  const std::string size = ",size=" + (is_disk ? Options{}.overlay : overlay);
  if (!is_disk) {
    mount_on("/root/tmp", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777" + size, "tmp");
  } else if (::chmod("/root/tmp", 01777) != 0) {
    die("chmod /tmp: %s", std::strerror(errno));
  }
  mount_on("/root/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755" + size, "run");
  make_directory("/root/dev/shm");
  mount_on("/root/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777" + size, "shm");
  make_directory("/root/dev/pts");
  mount_on("/root/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "mode=0620,ptmxmode=0666", "devpts");
  switch_root(kRoot);
}

}  // namespace faasnap::init
