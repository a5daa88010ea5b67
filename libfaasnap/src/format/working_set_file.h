// SPDX-License-Identifier: Apache-2.0

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

// The content of `working-set` and `touched-set`: the parts of a faasnap::WorkingSet.
struct WorkingSetContent {
  std::string snapshot_id;
  Bytes memory;
  Recorder recorder = Recorder::mincore;
  // In the order of recording; the runs of a group are sorted by address.
  std::vector<std::vector<PageRange>> groups;
  // The same pages in the order of their first touches; only with Recorder::userfaultfd.
  std::vector<PageAccess> accesses{};
};

inline constexpr Bytes kMaximumWorkingSet{128ULL << 20};
// Maximum time of an access: 73 years.
inline constexpr Nanoseconds kMaximumAccessTime{(1LL << 61) - 1};

// Returns why `content` is invalid, or nothing. Invalid are a range beyond memory, a page in two
// groups, an unsorted group, accesses to other pages than those of the groups, and a size that is
// not a whole number of pages.
std::optional<std::string> defect_of(const WorkingSetContent& content);

// Throws ErrorKind::invalid_argument if defect_of finds a defect.
std::vector<std::byte> encode_working_set(const WorkingSetContent& content);

// Checks the frame only, and returns its checksum.
std::uint32_t check_working_set(std::span<const std::byte> bytes,
                                const std::filesystem::path& file);

WorkingSetContent decode_working_set(std::span<const std::byte> bytes,
                                     const std::filesystem::path& file);

}  // namespace faasnap::format
