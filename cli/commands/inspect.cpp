#include <fmt/chrono.h>
#include <fmt/format.h>

#include <iostream>

#include <faasnap/snapshot.h>

#include "commands/commands.h"
#include "failure.h"
#include "json.h"
#include "options.h"

namespace faasnap::cli {
namespace {

CommandLine make_command_line() {
  CommandLine line("inspect", "DIR [--plan S] [--json]",
                   "Shows what a snapshot says of itself, or how a setting would restore it.",
                   "faasnap inspect snapshots/json --plan faasnap");
  line.positional({"DIR"});
  line.add()("plan", "show the mappings and reads of the setting: lazy, cached or faasnap",
             cxxopts::value<std::string>(), "S")("json", "print a JSON object");
  return line;
}

Json to_json(const FileIdentity& file) {
  if (file.path.empty()) {
    return nullptr;
  }
  Json json;
  json["path"] = file.path.string();
  json["bytes"] = file.size.value;
  json["crc32c"] = fmt::format("{:08x}", file.checksum);
  return json;
}

Json to_json(const Snapshot& snapshot) {
  const SnapshotInfo& info = snapshot.info();
  Json json;
  json["directory"] = snapshot.directory().string();
  json["format_version"] = info.format_version;
  json["id"] = info.id;
  json["created_ns"] = info.created.count();
  json["memory_bytes"] = info.memory.value;
  json["vcpus"] = info.vcpus;
  json["kernel"] = to_json(info.kernel);
  json["initramfs"] = to_json(info.initramfs);
  json["root_image"] = to_json(info.root_image);
  json["labels"] = info.labels;
  json["nonzero_pages"] = info.nonzero_pages;
  json["working_set_pages"] = info.working_set_pages;
  json["loading_set_regions"] = info.loading_set_regions;
  json["loading_set_pages"] = info.loading_set_pages;
  json["merge_gap_pages"] = info.thresholds.merge_gap_pages;
  json["minimum_pages"] = info.thresholds.minimum_pages;
  json["cached_pages"] = snapshot.cached_pages();
  return json;
}

Json to_json(PageRange pages) {
  Json json;
  json["first_page"] = pages.first.value;
  json["pages"] = pages.count;
  return json;
}

Json to_json(const RestorePlan& plan) {
  Json mappings = Json::array();
  for (const PlannedMapping& mapping : plan.mappings) {
    Json entry = to_json(mapping.guest);
    entry["backing"] = to_string(mapping.backing);
    entry["file_offset"] = mapping.file_offset.value;
    mappings.push_back(entry);
  }
  Json reads = Json::array();
  for (const PlannedRead& read : plan.reads) {
    Json entry = to_json(read.guest);
    entry["file"] = to_string(read.file);
    entry["file_offset"] = read.file_offset.value;
    reads.push_back(entry);
  }
  Json json;
  json["setting"] = to_string(plan.setting);
  json["fault_handler"] = to_string(plan.fault_handler);
  json["preload_memory_file"] = plan.preload_memory_file;
  json["mappings"] = mappings;
  json["reads"] = reads;
  return json;
}

std::string file_line(const FileIdentity& file) {
  return file.path.empty() ? "none"
                           : fmt::format("{} ({} bytes, crc32c {:08x})", file.path.string(),
                                         file.size.value, file.checksum);
}

void print(const Snapshot& snapshot) {
  const SnapshotInfo& info = snapshot.info();
  const auto created = std::chrono::system_clock::time_point(
      std::chrono::duration_cast<std::chrono::system_clock::duration>(info.created));
  fmt::print("snapshot      {}\n", info.id);
  fmt::print("created       {:%Y-%m-%d %H:%M:%S} UTC\n", fmt::gmtime(created));
  fmt::print("format        version {}\n", info.format_version);
  fmt::print("machine       {} vCPUs, {} MiB\n", info.vcpus, info.memory.value >> 20);
  fmt::print("kernel        {}\n", file_line(info.kernel));
  fmt::print("initramfs     {}\n", file_line(info.initramfs));
  fmt::print("root image    {}\n", file_line(info.root_image));
  for (const auto& [key, value] : info.labels) {
    fmt::print("label         {}={}\n", key, value);
  }
  fmt::print("pages         {} of {} are not zero, {} of its files' are in the page cache\n",
             info.nonzero_pages, info.memory.pages(), snapshot.cached_pages());
  fmt::print("working set   {} pages\n", info.working_set_pages);
  fmt::print("loading set   {} pages in {} regions (merge gap {}, minimum {})\n",
             info.loading_set_pages, info.loading_set_regions, info.thresholds.merge_gap_pages,
             info.thresholds.minimum_pages);
}

void print(const RestorePlan& plan) {
  fmt::print("setting {}: {} mappings, {} reads{}\n\n", to_string(plan.setting),
             plan.mappings.size(), plan.reads.size(),
             plan.preload_memory_file ? ", after the whole memory file is in the page cache" : "");
  fmt::print("{:<9} {:>12} {:>10}  {:<12} {:>14}\n", "", "guest page", "pages", "from",
             "at offset");
  for (const PlannedMapping& mapping : plan.mappings) {
    fmt::print("{:<9} {:>12} {:>10}  {:<12} {:>14}\n", "map", mapping.guest.first.value,
               mapping.guest.count, to_string(mapping.backing), mapping.file_offset.value);
  }
  for (const PlannedRead& read : plan.reads) {
    fmt::print("{:<9} {:>12} {:>10}  {:<12} {:>14}\n", "read", read.guest.first.value,
               read.guest.count, to_string(read.file), read.file_offset.value);
  }
}

}  // namespace

int run_inspect(const Arguments& arguments) {
  CommandLine line = make_command_line();
  if (!line.parse(arguments)) {
    return kSuccess;
  }
  std::optional<Setting> setting;
  if (const auto name = line.optional_text("plan")) {
    setting = parse_setting_option(*name, "--plan");
    if (*setting == Setting::warm || *setting == Setting::boot) {
      throw UsageError(fmt::format("--plan {}: this setting restores nothing", *name));
    }
  }
  const Snapshot snapshot = Snapshot::open(line.text("DIR"));
  if (line.has("json")) {
    std::cout << to_text(setting ? to_json(snapshot.plan(*setting)) : to_json(snapshot), true)
              << "\n";
  } else {
    setting ? print(snapshot.plan(*setting)) : print(snapshot);
  }
  return kSuccess;
}

}  // namespace faasnap::cli
