#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

namespace faasnap::bench {

// How a VM is got for an invocation: a setting of `faasnap invoke`, whether it was prepared before
// the request, and how the loading set was made.
struct Way {
  std::string setting;
  bool prepared = false;
  // The merge gap of the loading set in pages; as it was recorded if not said.
  std::optional<std::uint64_t> merge_gap{};

  // For people.
  std::string name() const;
  bool operator==(const Way&) const = default;
};

// "stream", "stream+prepared" or "faasnap+gap0". Throws UsageError for what is none of these.
Way parse_way(const std::string& text);

// The way as fields of a point (harness/results.h), and from those of a record.
nlohmann::json fields_of(const Way& way);
Way way_of(const nlohmann::json& record);

}  // namespace faasnap::bench
