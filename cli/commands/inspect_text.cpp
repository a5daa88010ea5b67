// SPDX-License-Identifier: Apache-2.0

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "commands/inspection.h"
#include "output/line_text.h"
#include "run/cached_pages.h"

namespace faasnap::cli {
namespace {

std::string file_line(const FileIdentity& file) {
  return file.path.empty() ? "none"
                           : fmt::format("{} ({} bytes, crc32c {:08x})", file.path.string(),
                                         file.size.value, file.checksum);
}

std::string machine_line(const SnapshotInfo& info) {
  if (info.vcpus == 0) {
    return fmt::format("none: only an image of {} MiB", info.memory.value >> 20);
  }
  const auto disks = info.disks.value == 0
                         ? std::string()
                         : fmt::format(", {} KiB of disks", info.disks.value >> 10);
  return fmt::format("{} vCPUs, {} MiB{}", info.vcpus, info.memory.value >> 20, disks);
}

std::uint64_t count_pages(std::span<const PageRange> ranges) {
  std::uint64_t pages = 0;
  for (const PageRange& range : ranges) {
    pages += range.count;
  }
  return pages;
}

void print_recordings(const Inspection& inspection) {
  if (const auto& set = inspection.by_mincore) {
    fmt::print("working set   {} pages in {} groups, recorded by mincore\n", set->pages(),
               set->groups().size());
  }
  if (const auto& set = inspection.by_userfaultfd) {
    const auto& accesses = set->accesses();
    fmt::print(
        "touched set   {} pages in {} groups, recorded by userfaultfd: {} zero, {} written\n",
        set->pages(), set->groups().size(), std::ranges::count(accesses, true, &PageAccess::zero),
        std::ranges::count(accesses, true, &PageAccess::write));
  }
  if (inspection.similarity) {
    fmt::print("agreement     {:.3f} of the pages in either recording are in both\n",
               *inspection.similarity);
  }
}

void print_sets(const Inspection& inspection) {
  const SnapshotInfo& info = inspection.snapshot.info();
  if (inspection.by_mincore || inspection.by_userfaultfd) {
    fmt::print("loading set   {} pages in {} regions (merge gap {}, minimum {})\n",
               info.loading_set_pages, info.loading_set_regions, info.thresholds.merge_gap_pages,
               info.thresholds.minimum_pages);
  } else {
    fmt::print("recordings    none\n");
  }
  if (inspection.by_userfaultfd) {
    fmt::print("REAP set      {} pages\n", info.touched_pages);
    fmt::print("stream set    {} pages with data, {} of zeros\n", info.stream_set_pages,
               info.stream_set_zero_pages);
  }
  const auto stream_set = inspection.snapshot.stream_set();
  if (stream_set && stream_set->compression != Compression::none) {
    fmt::print("compressed    {}, {} bytes of the stream set in {}\n",
               to_string(stream_set->compression), stream_set->content.value,
               stream_set->stored.value);
  }
}

// Returns where a read begins in its file, and, in a compressed one, in the content of its block.
std::string place_of(const PlannedRead& read) {
  return read.block ? fmt::format("{}+{}", read.file_offset.value, read.block->begin.value)
                    : fmt::format("{}", read.file_offset.value);
}

const char* loading_line(const RestorePlan& plan) {
  if (plan.load_if<PreloadFile>() != nullptr) {
    return "the whole memory file into the page cache, before the start";
  }
  if (plan.reads().empty() && plan.zero_pages().empty()) {
    return "nothing is loaded";
  }
  if (plan.load_if<ReadIntoPageCache>() != nullptr) {
    return "read into the page cache, while the guest runs";
  }
  return plan.load_if<InstallBeforeStart>() != nullptr
             ? "installed past the page cache, before the start"
             : "installed past the page cache, while the guest runs";
}

std::string fault_line(const RestorePlan& plan) {
  if (const HandledFaults* handled = plan.handled()) {
    return fmt::format(
        "userfaultfd, {} pages in {} runs from the memory file, any other with zeros",
        count_pages(handled->nonzero), handled->nonzero.size());
  }
  return std::get<KernelFaults>(plan.faults).read_ahead
             ? "kernel, with the device's read-ahead"
             : "kernel, of the memory file one page at a time, of a loading set 2 MiB";
}

std::string signature_line(const Inspection& inspection) {
  const auto key = inspection.snapshot.signing_key();
  if (!key) {
    return "none";
  }
  return fmt::format(
      "by key {}, {}", *key,
      inspection.signature_checked ? "which is trusted" : "not checked (--trusted-key)");
}

// What a layer has, and what each of its bases gives to it.
void print_layers(const Snapshot& snapshot) {
  const SnapshotInfo& info = snapshot.info();
  if (!info.base) {
    return;
  }
  fmt::print("layer         {} pages of its own, {} of its bases\n", info.stored_pages,
             info.nonzero_pages - info.stored_pages);
  const auto layers = snapshot.layers();
  for (std::size_t n = 1; n < layers.size(); ++n) {
    fmt::print("base {:<8} {} of its {} pages; {} ({})\n", n, layers[n].shown_pages,
               layers[n].stored_pages, layers[n].id, line_text(layers[n].directory.string()));
  }
}

// Returns the name of a file of the snapshot, or of its nth base.
std::string name_of(Backing file, std::uint32_t layer) {
  return layer == 0 ? to_string(file) : fmt::format("base {}", layer);
}

void print_row(const char* what, PageRange guest, const char* from, const std::string& offset) {
  fmt::print("{:<9} {:>12} {:>10}  {:<12} {:>14}\n", what, guest.first.value, guest.count, from,
             offset);
}

}  // namespace

void print(const Inspection& inspection) {
  const SnapshotInfo& info = inspection.snapshot.info();
  const auto created = std::chrono::system_clock::time_point(
      std::chrono::duration_cast<std::chrono::system_clock::duration>(info.created));
  fmt::print("snapshot      {}\n", info.id);
  fmt::print("created       {:%Y-%m-%d %H:%M:%S} UTC\n", fmt::gmtime(created));
  fmt::print("format        version {}\n", info.format_version);
  fmt::print("signature     {}\n", signature_line(inspection));
  fmt::print("machine       {}\n", machine_line(info));
  fmt::print("kernel        {}\n", file_line(info.kernel));
  fmt::print("initramfs     {}\n", file_line(info.initramfs));
  fmt::print("root image    {}\n", file_line(info.root_image));
  for (const auto& [key, value] : info.labels) {
    fmt::print("label         {}={}\n", key, value);
  }
  fmt::print("pages         {} of {} are not zero\n", info.nonzero_pages, info.memory.pages());
  print_layers(inspection.snapshot);
  const CachedPages cached = cached_pages(inspection.snapshot);
  fmt::print("page cache    {}\n", cached.pages
                                       ? fmt::format("{} pages of its files", *cached.pages)
                                       : fmt::format("unknown: {}", cached.reason));
  print_recordings(inspection);
  print_sets(inspection);
  for (const std::string& name : inspection.snapshot.foreign_names()) {
    fmt::print("ignored       {}, which is not a file of a snapshot\n", line_text(name));
  }
}

void print(const RestorePlan& plan) {
  fmt::print("setting {}: {} mappings, {} reads, {} zero pages\n", to_string(plan.setting),
             plan.mappings.size(), plan.reads().size(), count_pages(plan.zero_pages()));
  fmt::print("loading       {}\n", loading_line(plan));
  fmt::print("faults        {}\n\n", fault_line(plan));
  fmt::print("{:<9} {:>12} {:>10}  {:<12} {:>14}\n", "", "guest page", "pages", "from",
             "at offset");
  for (const PlannedMapping& mapping : plan.mappings) {
    print_row("map", mapping.guest, name_of(mapping.backing, mapping.layer).c_str(),
              fmt::format("{}", mapping.file_offset.value));
  }
  for (const PlannedRead& read : plan.reads()) {
    print_row("read", read.guest, name_of(read.file, read.layer).c_str(), place_of(read));
  }
  if (const auto* load = plan.load_if<ReadIntoPageCache>()) {
    for (const PlannedEntry& entry : load->entries) {
      print_row(entry.copied ? "copy" : "enter", entry.guest, "-", "-");
    }
  }
  for (const PageRange& run : plan.zero_pages()) {
    print_row("zero", run, "-", "-");
  }
}

}  // namespace faasnap::cli
