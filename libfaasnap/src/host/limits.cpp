// SPDX-License-Identifier: Apache-2.0

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <string>

#include "host/checks.h"

namespace faasnap::host {
namespace {

// Mappings of a plan with many regions, for comparison.
constexpr std::uint64_t kMappingsOfLargePlan = 1000;
// What the process has besides its VMs.
constexpr std::uint64_t kOfProcess = 200;
// A host that serves functions runs at least as many.
constexpr std::uint64_t kFewVms = 32;

std::uint64_t vms(std::uint64_t limit, std::uint64_t of_vm) {
  return limit > kOfProcess ? (limit - kOfProcess) / of_vm : 0;
}

}  // namespace

HostCheck check_descriptors() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur == RLIM_INFINITY) {
    return {"descriptors", true, "a process may open any number of files", ""};
  }
  const std::uint64_t count = vms(limit.rlim_cur, kDescriptorsOfVm);
  const bool ok = count >= kFewVms;
  const std::uint64_t wanted = 1000 * kDescriptorsOfVm + kOfProcess;
  return {"descriptors", ok,
          fmt::format("a process may open {} files (RLIMIT_NOFILE), enough for {} VMs",
                      limit.rlim_cur, count),
          ok ? ""
             : fmt::format("raise it: ulimit -n {}, or LimitNOFILE={} in the service's unit, is "
                           "enough for 1000 VMs",
                           wanted, wanted)};
}

HostCheck check_locked_memory() {
  rlimit limit{};
  ::getrlimit(RLIMIT_MEMLOCK, &limit);
  const std::string size = limit.rlim_cur == RLIM_INFINITY
                               ? "any amount of memory"
                               : fmt::format("{} KiB", limit.rlim_cur >> 10);
  return {"locked_memory", true,
          fmt::format("a process may lock {} (RLIMIT_MEMLOCK), of which VMs take nothing", size),
          ""};
}

HostCheck check_mappings() {
  static constexpr const char* kSetting = "/proc/sys/vm/max_map_count";
  std::uint64_t limit = 0;
  if (!(std::ifstream(kSetting) >> limit)) {
    return {"mappings", false, fmt::format("{}: cannot be read", kSetting),
            "mount /proc to see the limit; 65530 is the kernel's default"};
  }
  const std::uint64_t count = vms(limit, kMappingsOfVm + kMappingsOfLargePlan);
  const bool ok = count >= kFewVms;
  return {"mappings", ok,
          fmt::format("a process may have {} mappings (vm.max_map_count), enough for {} VMs, or {} "
                      "whose setting makes {} mappings each",
                      limit, vms(limit, kMappingsOfVm), count, kMappingsOfLargePlan),
          ok ? "" : "raise it: sysctl vm.max_map_count=1048576"};
}

}  // namespace faasnap::host
