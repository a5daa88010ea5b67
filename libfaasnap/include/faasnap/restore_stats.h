#pragma once

#include <cstdint>

#include <faasnap/units.h>

namespace faasnap {

// Page faults and memory of one VM up to now.
struct VmCounters {
  // Faults that the vCPU threads took in the host, from the kernel's accounting of each thread.
  std::uint64_t vcpu_major_faults = 0;
  std::uint64_t vcpu_minor_faults = 0;
  // Faults answered by a userfaultfd handler.
  std::uint64_t uffd_faults = 0;
  // Guest memory that is resident, and the share of it that counts once between clones.
  Bytes resident;
  Bytes proportional;
};

// What a PagePrefetcher has done up to now.
struct PrefetchStats {
  std::uint64_t reads = 0;
  std::uint64_t pages = 0;
  Bytes bytes;
  // From the first request to the last completion; zero while it is under way.
  Nanoseconds duration{0};
  bool finished = false;
};

// Where the time of one restore went. Durations; they add up to `total` but for rounding.
struct RestoreStats {
  // Files opened and every section checked.
  Nanoseconds open{0};
  // The KVM VM and its vCPUs created and set.
  Nanoseconds machine{0};
  // Guest memory mapped.
  Nanoseconds map{0};
  // From the call to the return.
  Nanoseconds total{0};
  // From the call to the first entry into the guest; zero until then.
  Nanoseconds first_instruction{0};
  // Mappings that guest memory is made of.
  std::uint64_t mappings = 0;
};

}  // namespace faasnap
