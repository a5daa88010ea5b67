// SPDX-License-Identifier: Apache-2.0

#include <fmt/format.h>

#include "base/error.h"
#include "boot/layout.h"
#include "machine/machine.h"

// The machine's part of a snapshot's state file (docs/reference/snapshot-format.md): one section
// for each component, which defines its content.
namespace faasnap::machine {
namespace {

constexpr std::uint32_t kVersion = 1;
// Version 4 has the disks besides the root disk, version 3 the features of the network device. The
// versions without them can be read as well.
constexpr std::uint32_t kShapeVersion = 4;
constexpr std::uint32_t kShapeWithoutDisks = 3;
constexpr std::uint32_t kShapeWithoutNetwork = 2;
constexpr const char* kShapeSection = "machine";
constexpr const char* kKvmSection = "kvm";
constexpr const char* kSerialSection = "serial";
constexpr const char* kSocketSection = "virtio-vsock";
constexpr const char* kDiskSection = "virtio-blk";
constexpr const char* kBalloonSection = "virtio-balloon";
constexpr const char* kNetworkSection = "virtio-net";

std::string disk_section(std::size_t index) { return fmt::format("virtio-blk{}", index + 1); }

std::string vcpu_section(std::size_t index) { return fmt::format("vcpu{}", index); }

format::Section section(std::string name, std::vector<std::byte> bytes,
                        std::uint32_t version = kVersion) {
  return {.name = std::move(name), .version = version, .bytes = std::move(bytes)};
}

// The sections of one state file.
class SavedState {
 public:
  SavedState(std::span<const format::Section> sections, const std::filesystem::path& file)
      : sections_(sections), file_(file) {}

  base::ByteReader reader(const std::string& name, std::uint32_t version = kVersion) const {
    const auto& found = format::require_section(sections_, name, version, file_);
    return {found.bytes, file_, name};
  }

 private:
  std::span<const format::Section> sections_;
  const std::filesystem::path& file_;
};

}  // namespace

MachineShape read_shape(std::span<const format::Section> sections,
                        const std::filesystem::path& file) {
  const format::Section* found = format::find_section(sections, kShapeSection);
  const bool old =
      found != nullptr && found->version >= kShapeWithoutNetwork && found->version < kShapeVersion;
  const std::uint32_t version = old ? found->version : kShapeVersion;
  auto reader = SavedState(sections, file).reader(kShapeSection, version);
  MachineShape shape;
  shape.vcpus = reader.get<std::uint32_t>();
  shape.memory = {reader.get<std::uint64_t>()};
  shape.guest_cid = reader.get<std::uint32_t>();
  shape.has_root_disk = reader.get<std::uint8_t>() != 0;
  shape.has_balloon = reader.get<std::uint8_t>() != 0;
  if (version > kShapeWithoutNetwork) {
    shape.network_features = reader.get<std::uint64_t>();
    shape.has_network = shape.network_features != 0;
    if ((shape.network_features & ~virtio::NetDevice::kKnownFeatures) != 0) {
      reader.reject(fmt::format("network features {:#x} are not among those known, {:#x}",
                                shape.network_features, virtio::NetDevice::kKnownFeatures));
    }
  }
  if (version > kShapeWithoutDisks) {
    const auto count = reader.get<std::uint32_t>();
    if (count > kMaximumDisks) {
      reader.reject(fmt::format("{} disks, expected at most {}", count, kMaximumDisks));
    }
    for (std::uint32_t i = 0; i < count; ++i) {
      DiskShape& disk = shape.disks.emplace_back();
      disk.size = {reader.get<std::uint64_t>()};
      disk.read_only = reader.get<std::uint8_t>() != 0;
      if (disk.size.value % virtio::kSectorSize != 0 || disk.size.value == 0 ||
          disk.size > virtio::kMaximumDisk) {
        reader.reject(fmt::format("disk {} has {} bytes, expected a multiple of {}, at most {}",
                                  i + 1, disk.size.value, virtio::kSectorSize,
                                  virtio::kMaximumDisk.value));
      }
    }
  }
  reader.finish();
  return shape;
}

std::vector<PageRange> pages_of_disks(std::span<const DiskShape> disks) {
  std::vector<PageRange> pages;
  PageIndex next;
  for (const DiskShape& disk : disks) {
    pages.push_back({next, disk.size.pages()});
    next = pages.back().end();
  }
  return pages;
}

Bytes size_of_disks(std::span<const DiskShape> disks) {
  const auto pages = pages_of_disks(disks);
  return pages.empty() ? Bytes{} : pages.back().end().offset();
}

std::vector<format::Section> Machine::save() {
  base::ByteWriter shape;
  shape.put(std::uint32_t{shape_.vcpus});
  shape.put(shape_.memory.value);
  shape.put(shape_.guest_cid);
  shape.put(std::uint8_t{shape_.has_root_disk});
  shape.put(std::uint8_t{shape_.has_balloon});
  shape.put(net_ != nullptr ? net_->features() : std::uint64_t{0});
  shape.put(static_cast<std::uint32_t>(shape_.disks.size()));
  for (const DiskShape& disk : shape_.disks) {
    shape.put(disk.size.value);
    shape.put(std::uint8_t{disk.read_only});
  }

  std::vector<format::Section> sections;
  sections.push_back(section(kShapeSection, shape.take(), kShapeVersion));
  for (std::size_t i = 0; i < vcpus_.size(); ++i) {
    sections.push_back(section(vcpu_section(i), vcpus_[i]->vcpu().save()));
  }
  sections.push_back(section(kKvmSection, vm_.save()));
  sections.push_back(section(kSerialSection, serial_.save()));
  loop_.run([&] {
    sections.push_back(section(kSocketSection, socket_->transport().save()));
    if (disk_) {
      sections.push_back(section(kDiskSection, disk_->transport().save()));
    }
    if (balloon_) {
      sections.push_back(section(kBalloonSection, balloon_->transport().save()));
    }
    if (network_) {
      sections.push_back(section(kNetworkSection, network_->transport().save()));
    }
    for (std::size_t i = 0; i < disks_.size(); ++i) {
      sections.push_back(section(disk_section(i), disks_[i]->transport().save()));
    }
  });
  return sections;
}

void Machine::restore(std::span<const format::Section> sections, const std::filesystem::path& file,
                      MonotonicClock clock) {
  const SavedState state(sections, file);
  const auto apply = [&](const std::string& name, const auto& restore_component) {
    auto reader = state.reader(name);
    restore_component(reader);
    reader.finish();
  };
  loop_.run([&] {
    apply(kSocketSection, [&](auto& in) { socket_->transport().restore(in); });
    if (disk_) {
      apply(kDiskSection, [&](auto& in) { disk_->transport().restore(in); });
    }
    if (balloon_) {
      apply(kBalloonSection, [&](auto& in) { balloon_->transport().restore(in); });
    }
    if (network_) {
      apply(kNetworkSection, [&](auto& in) { network_->transport().restore(in); });
    }
    for (std::size_t i = 0; i < disks_.size(); ++i) {
      apply(disk_section(i), [&](auto& in) { disks_[i]->transport().restore(in); });
    }
  });
  for (std::size_t i = 0; i < vcpus_.size(); ++i) {
    apply(vcpu_section(i), [&](auto& in) { vcpus_[i]->vcpu().restore(in); });
  }
  // After the vCPUs, because the guest's clock counts from their time-stamp counters.
  apply(kKvmSection, [&](auto& in) { vm_.restore(in, clock); });
  // Repeats its interrupt, for which the interrupt controllers must have their state.
  apply(kSerialSection, [&](auto& in) { serial_.restore(in); });
  generation_.renew();
  vm_.raise_interrupt(boot::kGedGsi);
}

}  // namespace faasnap::machine
