// SPDX-License-Identifier: Apache-2.0

#include "jail/landlock.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

#include "base/error.h"
#include "base/files/fd.h"
#include "jail/devices.h"

namespace faasnap::worker {
namespace {

constexpr const char* kRestricting = "restrict files of worker";

// The structure of Landlock's version 6: kernels of earlier versions take its beginning
// (Documentation/userspace-api/landlock.rst).
struct Ruleset {
  std::uint64_t files = 0;
  std::uint64_t network = 0;
  std::uint64_t scoped = 0;
};

// Rights by the version that brought them.
constexpr std::uint64_t kFirstRights = (1 << 13) - 1;
constexpr std::uint64_t kRefer = 1 << 13;        // 2
constexpr std::uint64_t kTruncate = 1 << 14;     // 3
constexpr std::uint64_t kTcp = 3;                // 4: bind and connect
constexpr std::uint64_t kDeviceIoctl = 1 << 15;  // 5
constexpr std::uint64_t kScopes = 3;             // 6: abstract sockets and signals

Ruleset ruleset_of(unsigned version) {
  Ruleset ruleset{.files = kFirstRights};
  ruleset.files |= version >= 2 ? kRefer : 0;
  ruleset.files |= version >= 3 ? kTruncate : 0;
  ruleset.network = version >= 4 ? kTcp : 0;
  ruleset.files |= version >= 5 ? kDeviceIoctl : 0;
  ruleset.scoped = version >= 6 ? kScopes : 0;
  return ruleset;
}

std::size_t size_of(unsigned version) {
  return version >= 6 ? sizeof(Ruleset) : version >= 4 ? 16 : 8;
}

void allow(const base::UniqueFd& ruleset, const char* path, std::uint64_t rights) {
  const base::UniqueFd place(::open(path, O_PATH | O_CLOEXEC));
  if (!place && errno == ENOENT) {
    return;
  }
  const landlock_path_beneath_attr rule{.allowed_access = rights, .parent_fd = place.get()};
  if (!place ||
      ::syscall(SYS_landlock_add_rule, ruleset.get(), LANDLOCK_RULE_PATH_BENEATH, &rule, 0) != 0) {
    base::fail_errno(kRestricting, path);
  }
}

}  // namespace

unsigned restrict_files(const std::string& proc) {
  const long version =
      ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  if (version <= 0) {
    return 0;
  }
  const auto known = static_cast<unsigned>(version);
  const Ruleset attributes = ruleset_of(known);
  const base::UniqueFd ruleset(
      static_cast<int>(::syscall(SYS_landlock_create_ruleset, &attributes, size_of(known), 0)));
  if (!ruleset) {
    base::fail_errno(kRestricting);
  }
  allow(ruleset, proc.c_str(), LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR);
  for (const char* device : kDevices) {
    allow(ruleset, device,
          (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | kDeviceIoctl) &
              attributes.files);
  }
  if (::syscall(SYS_landlock_restrict_self, ruleset.get(), 0) != 0) {
    base::fail_errno(kRestricting);
  }
  return known;
}

}  // namespace faasnap::worker
