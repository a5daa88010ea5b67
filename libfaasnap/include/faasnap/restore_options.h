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

// How an invocation gets its VM (FaaSnap, section 6.1).
enum class Setting {
  warm,     // the VM never went away
  boot,     // a cold boot
  lazy,     // the memory file mapped whole; every first touch is a page fault
  cached,   // as lazy, with the whole memory file in the page cache first
  faasnap,  // layered mappings, and the loading set read in order while the guest runs
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

// What lies behind a range of guest memory.
enum class Backing { anonymous, memory_file, loading_set };

FAASNAP_EXPORT const char* to_string(Backing backing) noexcept;

// One mapping of a plan: `guest` shows the file's bytes from `file_offset` on, or zeros.
struct PlannedMapping {
  PageRange guest{};
  Backing backing = Backing::anonymous;
  Bytes file_offset{};
};

// One run of bytes that the prefetcher brings into the page cache, and the guest pages that it
// serves.
struct PlannedRead {
  Backing file = Backing::loading_set;
  Bytes file_offset{};
  PageRange guest{};
};

// Who answers a guest's access to a page that is not there yet.
enum class FaultHandler { kernel };

FAASNAP_EXPORT const char* to_string(FaultHandler handler) noexcept;

// What a setting means for one snapshot: plain data, made by Snapshot::plan.
struct RestorePlan {
  Setting setting = Setting::lazy;
  FaultHandler fault_handler = FaultHandler::kernel;
  // Applied in order; a later one lies over the earlier ones. Together they cover guest memory.
  std::vector<PlannedMapping> mappings{};
  // Whether the whole memory file is read into the page cache before the guest starts.
  bool preload_memory_file = false;
  // Done in order, while the guest runs.
  std::vector<PlannedRead> reads{};
};

// How to restore a VM.
struct RestoreOptions {
  // lazy, cached or faasnap.
  Setting setting = Setting::lazy;
  // Takes the place of the root image that the snapshot names; empty: that one. Must be the same
  // bytes.
  std::filesystem::path root_image{};
  // False: the VM stays paused until VM::resume.
  bool start = true;
  VmAttachments attachments{};
};

}  // namespace faasnap
