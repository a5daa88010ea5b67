#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <faasnap/export.h>
#include <faasnap/redis_options.h>

namespace faasnap {

// One thing that a host can or cannot do for this library.
struct HostCheck {
  // Stable, for programs: kvm, kvm_speed, kvm_pre_fault_memory, io_uring, userfaultfd, file_system,
  // free_space, read_ahead, redis.
  std::string name;
  bool ok = false;
  // What was found, for people; one line.
  std::string detail;
  // What to do about it; empty when all is well.
  std::string remedy;
};

struct HostReport {
  std::vector<HostCheck> checks;
  // Whether VMs run here, and at a speed that lets a stock Linux guest boot in seconds: what the
  // checks kvm and kvm_speed say. The others cost features or performance only.
  bool runs_vms_at_speed = false;
};

struct HostQuery {
  // Where snapshots are to be kept; must exist.
  std::filesystem::path directory = ".";
  // A Redis server that functions are to use; with an empty address, none.
  RedisOptions redis{};
};

// Tries each feature out, in about half a second. A feature that is missing is an answer; errors
// are thrown for nothing but a bad query. Leaves nothing behind.
FAASNAP_EXPORT HostReport inspect_host(const HostQuery& query = {});
// The checks kvm and kvm_speed only.
FAASNAP_EXPORT HostReport inspect_kvm();

}  // namespace faasnap
