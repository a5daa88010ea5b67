#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string_view>
#include <vector>

#include <faasnap/export.h>
#include <faasnap/units.h>
#include <faasnap/vm_options.h>

namespace faasnap {

// How an invocation gets its VM (FaaSnap, section 6.1; docs/paging.md has a picture of each).
enum class Setting {
  warm,        // the VM never went away
  boot,        // a cold boot
  lazy,        // the memory file mapped whole; every first touch is a page fault
  cached,      // as lazy, with the whole memory file in the page cache first
  concurrent,  // as lazy, and the recorded pages of the memory file read while the guest runs
  per_region,  // as concurrent, with anonymous memory where the image is zero
  faasnap,     // as per_region, with the recorded pages read in order from the loading-set file
  reap,        // every recorded page installed before the guest starts, the rest by userfaultfd
  stream,      // recorded pages, zero ones too, installed in order while the guest runs
};

FAASNAP_EXPORT const char* to_string(Setting setting) noexcept;
// Nothing when `name` is no setting.
FAASNAP_EXPORT std::optional<Setting> parse_setting(std::string_view name) noexcept;

// Tunes the loading set (FaaSnap, section 4.6).
struct LoadingSetThresholds {
  // Regions closer than this many pages are merged; 32 suits a local SSD, 0 remote storage.
  std::uint64_t merge_gap_pages = 32;
  // Regions of fewer recorded pages than this are left out; 0 keeps all.
  std::uint64_t minimum_pages = 0;
};

// What lies behind a range of guest memory, or a read: nothing but zeros, or a file of the snapshot
// (docs/snapshot-format.md).
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

// How to restore a VM.
struct RestoreOptions {
  // Any but warm and boot.
  Setting setting = Setting::lazy;
  // For a WorkingSetRecorder with Recorder::userfaultfd. With the setting lazy every first touch of
  // a page goes through a handler that notes it, which is slow; with stream those do that the
  // snapshot's stream set does not have. No other setting goes with it.
  bool record_accesses = false;
  // Takes the place of the root image that the snapshot names; empty: that one. Must be the same
  // bytes.
  std::filesystem::path root_image{};
  // Whether free memory that the guest reports (VmOptions::report_free_memory) goes back to the
  // host and is holes in the next snapshot. Reports of a VM that serves requests are answered and
  // otherwise ignored by default: a page that is given back costs a fault when it is used again.
  bool release_free_memory = false;
  // Enter installed pages (Delivery::install) into the second-stage page tables, too, so that the
  // guest's first touch of them is no exit, where the kernel can (KVM_PRE_FAULT_MEMORY, Linux 6.11;
  // elsewhere without effect). RestoreStats::prefilled_pages says what came of it.
  bool prefill = true;
  // False: the VM stays paused until VM::resume.
  bool start = true;
  VmAttachments attachments{};
};

}  // namespace faasnap
