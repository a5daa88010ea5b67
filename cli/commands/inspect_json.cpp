// SPDX-License-Identifier: Apache-2.0

#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "commands/inspection.h"
#include "output/line_text.h"
#include "run/cached_pages.h"

namespace faasnap::cli {
namespace {

tools::Json to_json(const FileIdentity& file) {
  if (file.path.empty()) {
    return nullptr;
  }
  tools::Json json;
  json["path"] = file.path.string();
  json["bytes"] = file.size.value;
  json["crc32c"] = fmt::format("{:08x}", file.checksum);
  return json;
}

tools::Json to_json(const WorkingSet& recording) {
  tools::Json json;
  json["recorder"] = to_string(recording.recorder());
  json["snapshot_id"] = recording.snapshot_id();
  json["pages"] = recording.pages();
  json["groups"] = recording.groups().size();
  const auto& accesses = recording.accesses();
  if (!accesses.empty()) {
    json["zero_pages"] = std::ranges::count(accesses, true, &PageAccess::zero);
    json["written_pages"] = std::ranges::count(accesses, true, &PageAccess::write);
    json["last_touch_ns"] = accesses.back().time.count();
  }
  return json;
}

tools::Json to_json(PageRange pages) {
  tools::Json json;
  json["first_page"] = pages.first.value;
  json["pages"] = pages.count;
  return json;
}

tools::Json to_json(std::span<const PageRange> ranges) {
  tools::Json json = tools::Json::array();
  for (const PageRange& range : ranges) {
    json.push_back(to_json(range));
  }
  return json;
}

}  // namespace

tools::Json to_json(const Inspection& inspection) {
  const Snapshot& snapshot = inspection.snapshot;
  const SnapshotInfo& info = snapshot.info();
  tools::Json json;
  json["directory"] = snapshot.directory().string();
  json["format_version"] = info.format_version;
  json["id"] = info.id;
  json["created_ns"] = info.created.count();
  const auto key = snapshot.signing_key();
  json["signing_key"] = key ? tools::Json(*key) : tools::Json();
  json["signature_checked"] = inspection.signature_checked;
  json["memory_bytes"] = info.memory.value;
  json["vcpus"] = info.vcpus;
  json["disks_bytes"] = info.disks.value;
  json["kernel"] = to_json(info.kernel);
  json["initramfs"] = to_json(info.initramfs);
  json["root_image"] = to_json(info.root_image);
  json["labels"] = info.labels;
  json["nonzero_pages"] = info.nonzero_pages;
  json["stored_pages"] = info.stored_pages;
  json["layers"] = tools::Json::array();
  for (const SnapshotLayer& layer : snapshot.layers()) {
    tools::Json entry;
    entry["id"] = layer.id;
    entry["directory"] = layer.directory.string();
    entry["stored_pages"] = layer.stored_pages;
    entry["shown_pages"] = layer.shown_pages;
    json["layers"].push_back(entry);
  }
  json["working_set_pages"] = info.working_set_pages;
  json["touched_pages"] = info.touched_pages;
  json["loading_set_regions"] = info.loading_set_regions;
  json["loading_set_pages"] = info.loading_set_pages;
  json["merge_gap_pages"] = info.thresholds.merge_gap_pages;
  json["minimum_pages"] = info.thresholds.minimum_pages;
  json["stream_set_pages"] = info.stream_set_pages;
  json["stream_set_zero_pages"] = info.stream_set_zero_pages;
  if (const auto set = snapshot.stream_set()) {
    json["stream_set_compression"] = to_string(set->compression);
    json["stream_set_bytes"] = set->content.value;
    json["stream_set_stored_bytes"] = set->stored.value;
  }
  json["recordings"] = tools::Json::array();
  for (const auto* recording : {&inspection.by_mincore, &inspection.by_userfaultfd}) {
    if (*recording) {
      json["recordings"].push_back(to_json(**recording));
    }
  }
  json["recordings_similarity"] =
      inspection.similarity ? tools::Json(*inspection.similarity) : tools::Json();
  json["foreign_names"] = tools::Json::array();
  for (const std::string& name : snapshot.foreign_names()) {
    json["foreign_names"].push_back(line_text(name));
  }
  const CachedPages cached = cached_pages(snapshot);
  json["cached_pages"] = cached.pages ? tools::Json(*cached.pages) : tools::Json();
  return json;
}

tools::Json to_json(const RestorePlan& plan) {
  tools::Json mappings = tools::Json::array();
  for (const PlannedMapping& mapping : plan.mappings) {
    tools::Json entry = to_json(mapping.guest);
    entry["backing"] = to_string(mapping.backing);
    entry["file_offset"] = mapping.file_offset.value;
    entry["layer"] = mapping.layer;
    mappings.push_back(entry);
  }
  tools::Json reads = tools::Json::array();
  for (const PlannedRead& read : plan.reads()) {
    tools::Json entry = to_json(read.guest);
    entry["file"] = to_string(read.file);
    entry["file_offset"] = read.file_offset.value;
    entry["layer"] = read.layer;
    if (read.block) {
      entry["block_stored_bytes"] = read.block->stored.value;
      entry["block_bytes"] = read.block->content.value;
      entry["block_offset"] = read.block->begin.value;
    }
    reads.push_back(entry);
  }
  tools::Json entries = tools::Json::array();
  const auto* cached = plan.load_if<ReadIntoPageCache>();
  if (cached != nullptr) {
    for (const PlannedEntry& planned : cached->entries) {
      tools::Json entry = to_json(planned.guest);
      entry["copied"] = planned.copied;
      entries.push_back(entry);
    }
  }
  const HandledFaults* handled = plan.handled();
  const auto* kernel = std::get_if<KernelFaults>(&plan.faults);
  tools::Json json;
  json["setting"] = to_string(plan.setting);
  json["fault_handler"] = handled != nullptr ? "userfaultfd" : "kernel";
  json["single_page_faults"] = kernel != nullptr && !kernel->read_ahead;
  json["preload_memory_file"] = plan.load_if<PreloadFile>() != nullptr;
  json["delivery"] = handled != nullptr ? "install" : "page_cache";
  json["load_before_start"] = plan.load_if<InstallBeforeStart>() != nullptr;
  json["read_at_once"] =
      cached != nullptr && cached->begin == ReadIntoPageCache::Begin::with_restore;
  json["mappings"] = mappings;
  json["reads"] = reads;
  json["entries"] = entries;
  json["zero_pages"] = to_json(plan.zero_pages());
  json["nonzero"] = handled != nullptr ? to_json(handled->nonzero) : tools::Json::array();
  return json;
}

}  // namespace faasnap::cli
