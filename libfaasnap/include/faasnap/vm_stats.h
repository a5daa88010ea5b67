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
  // Memory that the guest has reported free, and that was given back to the host; counted again
  // whenever the guest has used it and freed it.
  Bytes reported;
  Bytes released;
};

// What a PagePrefetcher has done up to now.
struct PrefetchStats {
  std::uint64_t reads = 0;
  std::uint64_t pages = 0;
  Bytes bytes;
  // Pages that were installed as zeros, or allocated, without a read.
  std::uint64_t zero_pages = 0;
  // Whether the reads went past the page cache (O_DIRECT), as plans with HandledFaults ask for.
  bool direct = false;
  // From the first request to the last completion; zero while it is under way.
  Nanoseconds duration{0};
  bool finished = false;
};

// Where the time of one restore went.
struct RestoreStats {
  // Whether the VM was prepared before it was asked for (VM::prepare): `total` and
  // `first_instruction` then count from PreparedVM::start, and create, map and state lie before it.
  bool prepared = false;
  // The memory file read into the page cache, for the setting that asks for it: preparation, and
  // not part of `total`.
  Nanoseconds preload{0};
  // The KVM VM, its devices and vCPUs made.
  Nanoseconds create{0};
  // Guest memory mapped.
  Nanoseconds map{0};
  // The saved state of devices and vCPUs checked and set.
  Nanoseconds state{0};
  // Loading begun (with the setting reap: done), and the vCPUs let go.
  Nanoseconds start{0};
  // From the call to the return, without `preload`.
  Nanoseconds total{0};
  // From the call to the first entry into the guest, without `preload`; zero until then.
  Nanoseconds first_instruction{0};
  // Mappings that were made over guest memory.
  std::uint64_t mappings = 0;
  // Pages entered into the second-stage page tables up to now (RestoreOptions::prefill).
  std::uint64_t prefilled_pages = 0;
};

}  // namespace faasnap
