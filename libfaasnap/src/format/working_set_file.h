#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <faasnap/page_access.h>
#include <faasnap/units.h>

namespace faasnap::format {

// The content of `working-set` and `touched-set`: what a faasnap::WorkingSet is made of.
struct WorkingSetContent {
  std::string snapshot_id;
  Bytes memory;
  Recorder recorder = Recorder::mincore;
  // In the order in which they were recorded; runs of one group sorted by address.
  std::vector<std::vector<PageRange>> groups;
  // The same pages in the order in which they were touched; of Recorder::userfaultfd only.
  std::vector<PageAccess> accesses{};
};

inline constexpr Bytes kMaximumWorkingSet{128ULL << 20};
// Of an access: 73 years.
inline constexpr Nanoseconds kMaximumAccessTime{(1LL << 61) - 1};

// What makes `content` no working set (a range beyond memory, a page in two groups, an unsorted
// group, accesses to other pages than the groups have, a size that is no number of pages); nothing
// when it is one.
std::optional<std::string> defect_of(const WorkingSetContent& content);

// Throws ErrorKind::invalid_argument for content that defect_of finds fault with.
std::vector<std::byte> encode_working_set(const WorkingSetContent& content);

// Checks the frame only, and returns its checksum.
std::uint32_t check_working_set(std::span<const std::byte> bytes,
                                const std::filesystem::path& file);

WorkingSetContent decode_working_set(std::span<const std::byte> bytes,
                                     const std::filesystem::path& file);

}  // namespace faasnap::format
