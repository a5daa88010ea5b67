// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <faasnap/units.h>

namespace faasnap::format {

// The saved state of one component, which defines the bytes and their version.
struct Section {
  std::string name;
  std::uint32_t version = 1;
  std::vector<std::byte> bytes;
};

// Name of the section with the memory image's table; the other sections are the machine's.
inline constexpr std::string_view kMemorySection = "memory";
inline constexpr std::string_view kDisksSection = "disks";

inline constexpr Bytes kMaximumState{64ULL << 20};
inline constexpr std::uint32_t kMaximumSections = 256;
inline constexpr std::size_t kMaximumSectionName = 32;

// Returns the content of the file `state`. Throws ErrorKind::invalid_argument beyond the limits
// above, for an empty name, and for two sections with the same name.
std::vector<std::byte> encode_state(std::span<const Section> sections);

// Checks the frame and every section's name, length and checksum; errors name the section.
std::vector<Section> decode_state(std::span<const std::byte> bytes,
                                  const std::filesystem::path& file);

// Returns null if there is no such section.
const Section* find_section(std::span<const Section> sections, std::string_view name) noexcept;

// Throws ErrorKind::corrupt if the section is missing, ErrorKind::version if it has another
// version.
const Section& require_section(std::span<const Section> sections, std::string_view name,
                               std::uint32_t version, const std::filesystem::path& file);

}  // namespace faasnap::format
