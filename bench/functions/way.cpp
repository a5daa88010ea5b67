// SPDX-License-Identifier: Apache-2.0

#include "functions/way.h"

#include <fmt/format.h>

#include <string_view>

#include "harness/program.h"
#include "tools/origin.h"

namespace faasnap::bench {
namespace {

constexpr std::string_view kGap = "gap";

// Applies one of the words after a '+'. Returns false if the word is unknown.
bool refine(Way& way, std::string_view word) {
  if (word == "prepared") {
    way.prepared = true;
    return true;
  }
  if (word.starts_with(kGap)) {
    way.merge_gap = tools::parse_number(word.substr(kGap.size()));
    return way.merge_gap.has_value();
  }
  return false;
}

bool makes_sense(const Way& way) {
  const auto origin = tools::parse_origin(way.setting);
  return origin && (!way.prepared || tools::is_restored(*origin)) &&
         (!way.merge_gap || *origin == tools::Origin(Setting::faasnap));
}

}  // namespace

std::string Way::name() const {
  return setting + (merge_gap ? fmt::format(", gap {}", *merge_gap) : "") +
         (prepared ? ", prepared" : "");
}

Way parse_way(const std::string& text) {
  Way way{text.substr(0, text.find('+'))};
  bool understood = true;
  for (std::size_t plus = text.find('+'); plus != std::string::npos;) {
    const std::size_t next = text.find('+', plus + 1);
    understood = refine(way, text.substr(plus + 1, next - plus - 1)) && understood;
    plus = next;
  }
  if (!understood || !makes_sense(way)) {
    throw UsageError(fmt::format(
        "'{}': expected a setting, a restoring setting with +prepared, or faasnap+gapPAGES", text));
  }
  return way;
}

nlohmann::json fields_of(const Way& way) {
  return {{"setting", way.setting},
          {"prepared", way.prepared},
          {"merge_gap", way.merge_gap ? nlohmann::json(*way.merge_gap) : nlohmann::json()}};
}

Way way_of(const nlohmann::json& record) {
  Way way{record.at("setting"), record.at("prepared")};
  if (const auto gap = record.find("merge_gap"); gap != record.end() && !gap->is_null()) {
    way.merge_gap = gap->get<std::uint64_t>();
  }
  return way;
}

}  // namespace faasnap::bench
