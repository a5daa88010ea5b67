// SPDX-License-Identifier: Apache-2.0

#include "settings/disk_settings.h"

#include <fmt/format.h>

#include <filesystem>
#include <limits>
#include <string_view>

#include "tools/failure.h"

namespace faasnap::cli {
namespace {

constexpr std::size_t kMostDisks = 4;
constexpr std::uint64_t kSector = 512;
constexpr Bytes kLargestScratch{1ULL << 40};
constexpr std::string_view kReadOnly = ":ro";
constexpr char kFirstDisk = 'b';  // /dev/vda is the root image

DiskOptions parse_scratch(const std::string& text, const char* option) {
  const Bytes size = parse_size(text, option);
  if (size.value == 0 || size.value % kSector != 0 || size > kLargestScratch) {
    throw tools::UsageError(
        fmt::format("{} {}: expected a multiple of 512 bytes, at most 1024G", option, text));
  }
  return {.size = size};
}

DiskOptions parse_disk(std::string text) {
  DiskOptions disk;
  if (text.ends_with(kReadOnly)) {
    disk.read_only = true;
    text.resize(text.size() - kReadOnly.size());
  }
  if (text.empty()) {
    throw tools::UsageError("--disk: expected FILE or FILE:ro");
  }
  disk.path = std::filesystem::absolute(text);
  return disk;
}

}  // namespace

void add_disk_options(CommandLine& line) {
  line.option("scratch", "SIZE",
              "an empty disk of the VM's own, which takes space as the guest writes: /dev/vdb");
  line.list("disk", "FILE[:ro]",
            "a further disk of the guest's: the file itself, which must be no other VM's; "
            "repeatable,\nup to 4 with --scratch and --overlay");
  line.option("overlay", "SIZE",
              "the guest writes its files to a disk of this size that takes space as it is used "
              "(default:\nto at most half of its memory)");
  line.option("scratch-directory", "DIR",
              "where what guests write to their disks is kept while they run (default: /var/tmp)");
  line.option("disk-rate", "SIZE", "bytes a second of each disk (default: as many as it can)");
  line.option("disk-requests", "N", "requests a second of each disk (default: as many as it can)");
}

GuestDisks guest_disks(const CommandLine& line) {
  GuestDisks guest;
  if (const auto scratch = line.optional_text("scratch")) {
    guest.disks.push_back(parse_scratch(*scratch, "--scratch"));
  }
  for (const std::string& text : line.texts("disk")) {
    guest.disks.push_back(parse_disk(text));
  }
  if (const auto overlay = line.optional_text("overlay")) {
    guest.words = fmt::format(" faasnap.overlay=/dev/vd{}",
                              static_cast<char>(kFirstDisk + guest.disks.size()));
    guest.disks.push_back(parse_scratch(*overlay, "--overlay"));
  }
  if (guest.disks.size() > kMostDisks) {
    throw tools::UsageError(
        fmt::format("{} disks, expected at most {}", guest.disks.size(), kMostDisks));
  }
  return guest;
}

void set_disk_options(const CommandLine& line, VmAttachments& attachments) {
  attachments.scratch_directory = line.optional_text("scratch-directory").value_or("");
  attachments.limits.disk = disk_limits(line);
}

DiskLimits disk_limits(const CommandLine& line) {
  DiskLimits limits;
  if (const auto rate = line.optional_text("disk-rate")) {
    // A second's worth at once, so that a rate in use is the rate that was asked for.
    limits.rate.bytes_per_second = parse_size(*rate, "--disk-rate");
    limits.rate.byte_burst = limits.rate.bytes_per_second;
    if (limits.rate.bytes_per_second.value == 0) {
      throw tools::UsageError("--disk-rate 0: expected bytes a second");
    }
  }
  if (const auto requests =
          line.optional_number("disk-requests", 1, std::numeric_limits<std::uint32_t>::max())) {
    limits.rate.requests_per_second = *requests;
    limits.rate.request_burst = *requests;
  }
  return limits;
}

}  // namespace faasnap::cli
