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

// One component's saved state. The component defines the bytes and counts its own versions.
struct Section {
  std::string name;
  std::uint32_t version = 1;
  std::vector<std::byte> bytes;
};

// Name of the section that holds the memory image's table; the others are the machine's.
inline constexpr std::string_view kMemorySection = "memory";

inline constexpr Bytes kMaximumState{64ULL << 20};
inline constexpr std::uint32_t kMaximumSections = 256;
inline constexpr std::size_t kMaximumSectionName = 32;

// The content of `state`. Throws ErrorKind::invalid_argument beyond the caps above, for an empty
// name and for two sections of one name.
std::vector<std::byte> encode_state(std::span<const Section> sections);

// Checks the frame and every section's name, length and checksum; errors name the section.
std::vector<Section> decode_state(std::span<const std::byte> bytes,
                                  const std::filesystem::path& file);

// Null when there is none.
const Section* find_section(std::span<const Section> sections, std::string_view name) noexcept;

// ErrorKind::corrupt when the section is missing, ErrorKind::version when it is of another version.
const Section& require_section(std::span<const Section> sections, std::string_view name,
                               std::uint32_t version, const std::filesystem::path& file);

}  // namespace faasnap::format
