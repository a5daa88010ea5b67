// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>

#include <faasnap/units.h>

namespace faasnap {

// Where the time of one restore went. All zero for a VM that was booted.
struct RestoreStats {
  // True if the VM was prepared before it was asked for (VM::prepare). `total` and
  // `first_instruction` then count from PreparedVM::start; `create`, `map` and `state` came before.
  bool prepared = false;
  // Time to read the whole memory file into the page cache, for Setting::cached. This is
  // preparation: no other duration includes it.
  Nanoseconds preload{0};
  // Time to make the KVM VM, its devices and its vCPUs.
  Nanoseconds create{0};
  // Time to map guest memory.
  Nanoseconds map{0};
  // Time to check and set the saved state of devices and vCPUs.
  Nanoseconds state{0};
  // Time to begin loading (to finish it, for Setting::reap) and to let the vCPUs go.
  Nanoseconds start{0};
  // From the call to its return.
  Nanoseconds total{0};
  // From the call to the first entry into the guest; zero until a vCPU has entered it.
  Nanoseconds first_instruction{0};
  // Number of mappings made over guest memory.
  std::uint64_t mappings = 0;
  // Number of pages entered into the second-stage page tables up to now (RestoreOptions::prefill).
  std::uint64_t prefilled_pages = 0;
};

// Page faults of one VM since it was made.
struct FaultStats {
  // Faults that the vCPU threads took in the host, as the kernel accounts them for each thread: a
  // major one waits for storage, a minor one does not.
  std::uint64_t vcpu_major = 0;
  std::uint64_t vcpu_minor = 0;
  // Faults that the library's own handler answered (userfaultfd).
  std::uint64_t handled = 0;
};

// Free memory that the guest's balloon driver has reported (VmOptions::report_free_memory).
// Memory that the guest uses and frees again counts again.
struct FreeMemoryStats {
  Bytes reported;
  // The part of `reported` that was given back to the host.
  Bytes released;
};

// What was loaded ahead of the guest's use. All zero while there is nothing to load.
struct PrefetchStats {
  std::uint64_t reads = 0;
  std::uint64_t pages = 0;
  // The content of `pages`, and the bytes that were read of files for them: fewer if the set is
  // compressed.
  Bytes bytes;
  Bytes read;
  // Pages that were installed as zeros, or allocated, without a read.
  std::uint64_t zero_pages = 0;
  // True if the reads bypassed the page cache (O_DIRECT), which settings that install pages use
  // where the file system has it.
  bool direct = false;
  // False if the host forbids io_uring, so that threads do the reads, which is slower.
  bool io_uring = true;
  // From the first request to the last completion; zero while loading is under way.
  Nanoseconds duration{0};
  bool finished = false;
};

// Packets of the network in one direction.
struct NetworkTraffic {
  std::uint64_t packets = 0;
  Bytes bytes;
  // Packets that were lost: the host refused them, or the guest's link is down.
  std::uint64_t dropped = 0;
};

// Traffic of the guest's network device (VmAttachments::network). All zero without one.
struct NetworkStats {
  // False if the host's end is closed, or was not given at a restore.
  bool link_up = false;
  NetworkTraffic to_guest;
  NetworkTraffic from_guest;
};

// Traffic of the guest's disks together, the root disk included. Requests that failed are counted
// under `failed` only.
struct DiskStats {
  std::uint64_t reads = 0;
  Bytes read;
  std::uint64_t writes = 0;
  Bytes written;
  std::uint64_t flushes = 0;
  // Requests that gave up the content of sectors, or zeroed them.
  std::uint64_t discards = 0;
  // Requests that were answered with an error: the guest's own, such as one beyond the end of the
  // disk, or the host's, such as a full file system.
  std::uint64_t failed = 0;
};

// How often the guest has met its limits (GuestLimits).
struct LimitHits {
  // Output of the console that was dropped.
  Bytes dropped_console;
  // vsock connections that were refused.
  std::uint64_t refused_connections = 0;
  // vsock connections that were dropped with data that the host had not read.
  std::uint64_t dropped_connections = 0;
  // Requests to a disk that waited until others had been served.
  std::uint64_t delayed_reads = 0;
  // How often a device had work left at the end of its time.
  std::uint64_t device_slices = 0;
  // Times that a direction of the network waited for its rate.
  std::uint64_t network_waits = 0;
  // Times that a disk waited for its rate.
  std::uint64_t disk_waits = 0;
};

// How a VM is doing: everything that costs little to ask.
struct VmStats {
  RestoreStats restore;
  FaultStats faults;
  FreeMemoryStats free_memory;
  PrefetchStats prefetch;
  NetworkStats network;
  DiskStats disks;
  LimitHits limits;
  // False if the host forbids io_uring, so that threads read the root image and what is loaded.
  bool io_uring = true;
};

// How much of the host's memory a guest's memory takes.
struct MemoryUsage {
  // Guest memory that is in the host's memory.
  Bytes resident;
  // The same, where a page that n mappings share counts as 1/n: the sum over all clones of a
  // snapshot is what they take together.
  Bytes proportional;
};

}  // namespace faasnap
