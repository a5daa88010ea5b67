// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <compare>
#include <cstdint>
#include <filesystem>
#include <string>

#include <faasnap/error.h>
#include <faasnap/host.h>

namespace faasnap::host {

// Version of a kernel, as far as features depend on it.
struct KernelVersion {
  unsigned major = 0;
  unsigned minor = 0;
  auto operator<=>(const KernelVersion&) const = default;
};

// Returns the version of the running kernel.
KernelVersion running_kernel();
// Returns what to do about a KVM that cannot fill page tables ahead.
std::string pre_fault_remedy(const KernelVersion& kernel);
// Returns what to do if userfaultfd cannot be had because of an error of this kind.
std::string userfaultfd_remedy(ErrorKind kind);

// The checks of inspect_host. Each tries its feature, and reports a failure in its result.

// `directory` must exist.
HostCheck check_file_system(const std::filesystem::path& directory);
HostCheck check_free_space(const std::filesystem::path& directory);
// Bad if killed processes have left something there.
HostCheck check_leftovers(const std::filesystem::path& directory);
HostCheck check_read_ahead(const std::filesystem::path& directory);

// Limits of a process, and how many VMs they are enough for. What a restored VM takes at most, with
// every device and a loader; a setting that maps regions needs a mapping for each besides.
inline constexpr std::uint64_t kDescriptorsOfVm = 24;
inline constexpr std::uint64_t kMappingsOfVm = 32;
HostCheck check_descriptors();
HostCheck check_locked_memory();
HostCheck check_mappings();

HostCheck check_io_uring();
HostCheck check_userfaultfd();
// Waits at most one second, whatever the options say.
HostCheck check_redis(RedisOptions options);

}  // namespace faasnap::host
