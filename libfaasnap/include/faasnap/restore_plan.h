// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <type_traits>
#include <variant>
#include <vector>

#include <faasnap/export.h>
#include <faasnap/image_run.h>
#include <faasnap/page_access.h>
#include <faasnap/setting.h>
#include <faasnap/units.h>

namespace faasnap {

// What is behind a range of guest memory, or what a read reads: anonymous memory, which is zero
// until it is written, or a file of the snapshot (docs/reference/snapshot-format.md).
enum class Backing { anonymous, memory_file, loading_set, reap_set, stream_set };

FAASNAP_EXPORT const char* to_string(Backing backing) noexcept;

// One mapping of a plan: `guest` shows the file's bytes from `file_offset` on, or zeros.
struct PlannedMapping {
  PageRange guest{};
  Backing backing = Backing::anonymous;
  Bytes file_offset{};
  // The layer whose memory file it is: 0 for the snapshot itself, n for its nth base.
  std::uint32_t layer = 0;
};

// The block of a compressed file that has the content of a read.
struct PlannedBlock {
  // The bytes that are stored, from the read's `file_offset` on, and how many they decompress into.
  // If both are the same, they are the content as it is.
  Bytes stored{};
  Bytes content{};
  // Where in the block's content that of the read begins.
  Bytes begin{};
};

// A run of bytes of a file that a loader reads, and the guest pages that it has the content of.
struct PlannedRead {
  Backing file = Backing::loading_set;
  Bytes file_offset{};
  PageRange guest{};
  // As in PlannedMapping.
  std::uint32_t layer = 0;
  // Nothing if the file is not compressed.
  std::optional<PlannedBlock> block{};

  // Returns the length of the bytes in the file, in whole pages.
  constexpr Bytes length() const {
    return block ? Bytes{block->stored.pages() * kPageSize} : guest.size();
  }
};

// Pages that a loader enters into the VM's page tables when they are in the page cache: shared with
// it or, if `copied`, private, because the guest is expected to write them.
struct PlannedEntry {
  PageRange guest{};
  bool copied = false;
};

// Nothing is loaded ahead of the guest.
struct NoLoad {};

// The whole memory file is read into the page cache before the guest starts.
struct PreloadFile {};

// The reads are done in order while the guest runs, into the page cache, from which the pages are
// mapped: clones share each page until they write it.
struct ReadIntoPageCache {
  // When the first read begins: with the restore, beside the mapping and the making of the machine,
  // or when the guest starts.
  enum class Begin { with_restore, with_start };

  Begin begin = Begin::with_start;
  std::vector<PlannedRead> reads{};
  // The pages of the reads that are entered, sorted by address. If empty, all are, none `copied`.
  std::vector<PlannedEntry> entries{};
  // Zero pages that are allocated, in this order, while the disk works.
  std::vector<PageRange> zero_pages{};
};

// The reads are done in order while the guest runs, past the page cache, and copied into guest
// memory (UFFDIO_COPY): the pages are private and writable.
struct InstallWhileRunning {
  std::vector<PlannedRead> reads{};
  // Pages that are installed as zeros, in this order, beside the reads.
  std::vector<PageRange> zero_pages{};
  // Pages of mapped memory files that are entered, in this order, beside the reads.
  std::vector<PlannedEntry> entries{};
};

// As InstallWhileRunning, but everything is installed before the guest starts.
struct InstallBeforeStart {
  std::vector<PlannedRead> reads{};
};

// The kernel answers a guest's access to a missing page, from what is mapped there.
struct KernelFaults {
  // If false, the kernel does not read ahead: a fault reads one page of the memory file, or one
  // block of 2 MiB of the loading set.
  bool read_ahead = true;
  std::variant<NoLoad, PreloadFile, ReadIntoPageCache> load{};
};

// A thread of this library answers a guest's access to a missing page (userfaultfd(2)): with the
// page of a memory file if it is in `nonzero`, otherwise with zeros. Where a file is mapped, the
// kernel answers from it.
struct HandledFaults {
  // The pages that are not all zero, sorted and disjoint.
  std::vector<PageRange> nonzero{};
  // Those of them that come from the memory file of a base, sorted and disjoint. The others come
  // from the snapshot's own.
  std::vector<ImageRun> based{};
  // The first touches that the thread notes, for a WorkingSetRecorder. With `all`, every page that
  // `load` does not bring is under userfaultfd, and comes by itself.
  AccessRecording record = AccessRecording::none;
  std::variant<NoLoad, InstallWhileRunning, InstallBeforeStart> load{};
};

// What a setting means for one snapshot: plain data, made by Snapshot::plan.
struct FAASNAP_EXPORT RestorePlan {
  Setting setting = Setting::lazy;
  // Applied in order; a later one lies over the earlier ones. Together they cover guest memory.
  std::vector<PlannedMapping> mappings{};
  // Who answers faults, and what is loaded ahead of them.
  std::variant<KernelFaults, HandledFaults> faults{};

  // Returns null if the kernel answers faults.
  const HandledFaults* handled() const noexcept { return std::get_if<HandledFaults>(&faults); }
  // Returns what is loaded if it is a `Load`, null otherwise.
  template <typename Load>
  const Load* load_if() const noexcept;
  // Returns the reads of what is loaded; empty if there are none.
  std::span<const PlannedRead> reads() const noexcept;
  // Returns the zero pages that are allocated or installed beside the reads.
  std::span<const PageRange> zero_pages() const noexcept;
};

template <typename Load>
const Load* RestorePlan::load_if() const noexcept {
  const auto as_load = [](const auto& load) -> const Load* {
    if constexpr (std::is_same_v<decltype(load), const Load&>) {
      return &load;
    } else {
      return nullptr;
    }
  };
  return std::visit([&](const auto& answers) { return std::visit(as_load, answers.load); }, faults);
}

}  // namespace faasnap
