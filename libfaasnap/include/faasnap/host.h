// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <faasnap/export.h>
#include <faasnap/redis_options.h>

namespace faasnap {

// The result of one check: whether the host supports a feature that the library uses.
struct HostCheck {
  // A stable name, for programs: kvm, kvm_speed, kvm_pre_fault_memory, io_uring, userfaultfd,
  // descriptors, locked_memory, mappings, file_system, free_space, leftovers, read_ahead, redis.
  std::string name;
  bool ok = false;
  // What was found, in one line for people.
  std::string detail;
  // What to do about it; empty if all is well.
  std::string remedy;
};

struct HostReport {
  std::vector<HostCheck> checks;
  // True if VMs run here fast enough for a stock Linux guest to boot in seconds: the result of the
  // checks kvm and kvm_speed. A failure of another check costs features or performance only.
  bool runs_vms_at_speed = false;
};

struct HostQuery {
  // The directory for snapshots; must exist.
  std::filesystem::path directory = ".";
  // The Redis server that functions will use; an empty address means none.
  RedisOptions redis{};
};

// Tries each feature, in about half a second. A missing feature is a result; throws only if the
// query is invalid. Leaves nothing behind.
FAASNAP_EXPORT HostReport inspect_host(const HostQuery& query = {});
// Runs only the checks kvm and kvm_speed.
FAASNAP_EXPORT HostReport inspect_kvm();

}  // namespace faasnap
