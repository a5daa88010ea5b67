// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <optional>
#include <string_view>

#include <faasnap/export.h>

namespace faasnap {

// How memory that a recorded guest has freed is kept out of its snapshot. The default of every user
// is `report`.
enum class FreeMemory {
  report,  // the guest reports it and the host drops it; a recording waits about 25 s for 2 GiB
  zero,    // the guest fills it with zeros whenever it frees some, also in every later invocation
  keep,    // not at all: the snapshot holds what the guest has left there
};

// The name of a mode: "report", "zero" or "keep".
FAASNAP_EXPORT const char* to_string(FreeMemory mode) noexcept;
// Returns nothing if `name` is not the name of a mode.
FAASNAP_EXPORT std::optional<FreeMemory> parse_free_memory(std::string_view name) noexcept;

}  // namespace faasnap
