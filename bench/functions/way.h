// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

namespace faasnap::bench {

// How an invocation gets its VM: a setting of `faasnap invoke`, whether the VM is prepared before
// the request, and how the loading set is made.
struct Way {
  std::string setting;
  bool prepared = false;
  // The merge gap of the loading set in pages; empty: as recorded.
  std::optional<std::uint64_t> merge_gap{};

  // Returns the name for people.
  std::string name() const;
  bool operator==(const Way&) const = default;
};

// Parses "stream", "stream+prepared" or "faasnap+gap0". Throws UsageError for anything else.
Way parse_way(const std::string& text);

// Convert the way to fields of a point (harness/results.h), and back from those of a record.
nlohmann::json fields_of(const Way& way);
Way way_of(const nlohmann::json& record);

}  // namespace faasnap::bench
