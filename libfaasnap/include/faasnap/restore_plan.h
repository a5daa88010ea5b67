#pragma once

#include <vector>

#include <faasnap/export.h>
#include <faasnap/setting.h>
#include <faasnap/units.h>

namespace faasnap {

// What lies behind a range of guest memory, or a read: nothing but zeros, or a file of the snapshot
// (docs/reference/snapshot-format.md).
enum class Backing { anonymous, memory_file, loading_set, reap_set, stream_set };

FAASNAP_EXPORT const char* to_string(Backing backing) noexcept;

// One mapping of a plan: `guest` shows the file's bytes from `file_offset` on, or zeros.
struct PlannedMapping {
  PageRange guest{};
  Backing backing = Backing::anonymous;
  Bytes file_offset{};
};

// One run of bytes that the prefetcher reads, and the guest pages that it serves.
struct PlannedRead {
  Backing file = Backing::loading_set;
  Bytes file_offset{};
  PageRange guest{};
};

// Pages that come into the VM's page tables as soon as they are loaded: as they are in the page
// cache, shared, or `copied`, since the guest is expected to write them.
struct PlannedEntry {
  PageRange guest{};
  bool copied = false;
};

// Who answers a guest's access to a page that is not there yet. With userfaultfd it is a thread of
// this library, from the memory file where the image is not zero (userfaultfd(2)).
enum class FaultHandler { kernel, userfaultfd };

FAASNAP_EXPORT const char* to_string(FaultHandler handler) noexcept;

// What becomes of the pages that a plan reads.
enum class Delivery {
  page_cache,  // read into the page cache and mapped from there: clones share them until they write
  install,     // read past the page cache and copied into guest memory (UFFDIO_COPY): private
};

FAASNAP_EXPORT const char* to_string(Delivery delivery) noexcept;

// What a setting means for one snapshot: plain data, made by Snapshot::plan.
struct RestorePlan {
  Setting setting = Setting::lazy;
  FaultHandler fault_handler = FaultHandler::kernel;
  // Applied in order; a later one lies over the earlier ones. Together they cover guest memory.
  std::vector<PlannedMapping> mappings{};
  // Whether a fault on a mapping of the memory file reads its own page only, and one of the loading
  // set its block of 2 MiB, and not the device's read-ahead window around it.
  bool single_page_faults = false;
  // Whether the whole memory file is read into the page cache before the guest starts.
  bool preload_memory_file = false;
  // Done in order: while the guest runs, or all of them before with `load_before_start`.
  std::vector<PlannedRead> reads{};
  Delivery delivery = Delivery::page_cache;
  // For Delivery::page_cache: whether reading begins as soon as there is guest memory, beside
  // everything else that a restore does before the guest runs. Otherwise it begins with the start.
  bool read_at_once = false;
  bool load_before_start = false;
  // For Delivery::page_cache: which of the pages that are read are entered; sorted. Empty: all, and
  // none of them copied.
  std::vector<PlannedEntry> entries{};
  // Pages that are installed as zeros, or allocated where the kernel answers faults, in this order,
  // beside the reads.
  std::vector<PageRange> zero_pages{};
  // For FaultHandler::userfaultfd: the pages that the memory file has data for, sorted; a fault on
  // any other is answered with zeros.
  std::vector<PageRange> nonzero{};
  // Whether the fault handler notes every first touch of what is not read, for a
  // WorkingSetRecorder.
  bool record_accesses = false;
};

}  // namespace faasnap
