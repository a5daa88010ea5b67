// SPDX-License-Identifier: Apache-2.0

#include "format/state_file.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/bytes.h"
#include "base/checksum.h"
#include "base/error.h"
#include "format/frame.h"

namespace faasnap::format {
namespace {

constexpr FrameKind kState{{'F', 'A', 'A', 'S', 'N', 'A', 'P', 'S'}, 1, kMaximumState};

[[noreturn]] void refuse_state(const std::string& reason) {
  base::fail(ErrorKind::invalid_argument, "encode state", {}, reason);
}

void check_name(std::span<const Section> before, const Section& section) {
  if (section.name.empty() || section.name.size() > kMaximumSectionName) {
    refuse_state(fmt::format("section name '{}' is too long or empty, expected 1 to {} bytes",
                             section.name, kMaximumSectionName));
  }
  if (find_section(before, section.name) != nullptr) {
    refuse_state(fmt::format("two sections have the name '{}'", section.name));
  }
}

Section decode_section(base::ByteReader& reader, std::span<const Section> before,
                       const std::filesystem::path& file) {
  Section section;
  section.name = reader.get_string(kMaximumSectionName);
  if (section.name.empty() || find_section(before, section.name) != nullptr) {
    reader.reject(fmt::format("section {} has an empty name, or the name of an earlier one ('{}')",
                              before.size(), section.name));
  }
  section.version = reader.get<std::uint32_t>();
  const auto expected = reader.get<std::uint32_t>();
  const auto length = reader.get<std::uint64_t>();
  if (length > reader.remaining()) {
    reader.reject(fmt::format("section '{}' has {} bytes, expected {}", section.name,
                              reader.remaining(), length));
  }
  const auto bytes = reader.take(length);
  const std::uint32_t found = base::crc32c(bytes);
  if (found != expected) {
    base::fail(ErrorKind::corrupt, "read", file,
               fmt::format("section '{}': checksum is {:08x}, expected {:08x}", section.name, found,
                           expected));
  }
  section.bytes.assign(bytes.begin(), bytes.end());
  return section;
}

}  // namespace

std::vector<std::byte> encode_state(std::span<const Section> sections) {
  if (sections.size() > kMaximumSections) {
    refuse_state(
        fmt::format("{} sections, expected at most {}", sections.size(), kMaximumSections));
  }
  base::ByteWriter payload;
  payload.put(static_cast<std::uint32_t>(sections.size()));
  for (std::size_t i = 0; i < sections.size(); ++i) {
    const Section& section = sections[i];
    check_name(sections.first(i), section);
    payload.put_string(section.name);
    payload.put(section.version);
    payload.put(base::crc32c(section.bytes));
    payload.put(static_cast<std::uint64_t>(section.bytes.size()));
    payload.put_bytes(section.bytes);
  }
  if (kFrameHeaderSize + payload.bytes().size() > kMaximumState.value) {
    refuse_state(fmt::format("state has {} bytes, expected at most {}", payload.bytes().size(),
                             kMaximumState.value));
  }
  return encode_frame(kState, payload.bytes());
}

std::vector<Section> decode_state(std::span<const std::byte> bytes,
                                  const std::filesystem::path& file) {
  base::ByteReader reader(decode_frame(kState, bytes, file), file, "");
  const std::uint32_t count = reader.get_count(kMaximumSections, "sections");
  std::vector<Section> sections;
  for (std::uint32_t i = 0; i < count; ++i) {
    sections.push_back(decode_section(reader, sections, file));
  }
  reader.finish();
  return sections;
}

const Section* find_section(std::span<const Section> sections, std::string_view name) noexcept {
  const auto found = std::ranges::find(sections, name, &Section::name);
  return found == sections.end() ? nullptr : &*found;
}

const Section& require_section(std::span<const Section> sections, std::string_view name,
                               std::uint32_t version, const std::filesystem::path& file) {
  const Section* section = find_section(sections, name);
  if (section == nullptr) {
    base::fail(ErrorKind::corrupt, "read", file, fmt::format("section '{}' is missing", name));
  }
  if (section->version != version) {
    base::fail(
        ErrorKind::version, "read", file,
        fmt::format("section '{}' has version {}, expected {}", name, section->version, version));
  }
  return *section;
}

}  // namespace faasnap::format
