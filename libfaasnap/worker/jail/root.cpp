// SPDX-License-Identifier: Apache-2.0

#include "jail/root.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <string>

#include "base/error.h"
#include "base/files/fd.h"
#include "jail/devices.h"

namespace faasnap::worker {
namespace {

constexpr const char* kEmptying = "empty the root directory";
// Any directory serves: what is in it is out of sight afterwards.
constexpr const char* kPlace = "/tmp";
constexpr unsigned long kInert = MS_NOSUID | MS_NODEV | MS_NOEXEC;

void mount_at(const char* source, const std::string& target, const char* type, unsigned long flags,
              const char* data = nullptr) {
  if (::mount(source, target.c_str(), type, flags, data) != 0) {
    base::fail_errno(kEmptying, target);
  }
}

void make_directory(const std::string& path) {
  if (::mkdir(path.c_str(), 0755) != 0) {
    base::fail_errno(kEmptying, path);
  }
}

}  // namespace

void empty_root() {
  const std::string root = kPlace;
  // What is mounted here must not reach the host's namespace.
  mount_at(nullptr, "/", nullptr, MS_REC | MS_PRIVATE);
  mount_at("faasnap", root, "tmpfs", kInert, "size=64k,mode=755");
  make_directory(root + "/proc");
  mount_at("proc", root + "/proc", "proc", kInert, "subset=pid");
  make_directory(root + "/dev");
  for (const char* device : kDevices) {
    if (::access(device, F_OK) == 0) {
      const base::UniqueFd place(
          ::open((root + device).c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0));
      mount_at(device, root + device, nullptr, MS_BIND);
    }
  }
  // The old root lies over the new one and is taken away (pivot_root(2), "pivot_root(".", ".")").
  if (::chdir(kPlace) != 0 || ::syscall(SYS_pivot_root, ".", ".") != 0 ||
      ::umount2(".", MNT_DETACH) != 0 || ::chdir("/") != 0) {
    base::fail_errno(kEmptying);
  }
  mount_at(nullptr, "/", nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY | kInert);
}

}  // namespace faasnap::worker
