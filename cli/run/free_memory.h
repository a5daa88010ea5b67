#pragma once

#include <string>

#include <faasnap/vm.h>

namespace faasnap::cli {

// How memory that a recorded guest has freed is kept out of its snapshot (docs/design/paging.md).
enum class FreeMemory {
  report,  // the guest reports it, and the host drops it
  zero,    // the guest fills it with zeros whenever it frees some
  keep,    // not at all
};

const char* to_string(FreeMemory mode) noexcept;
// Throws UsageError that lists the modes; `what` names the place of `text`.
FreeMemory parse_free_memory(const std::string& text, const std::string& what);

// Words of the kernel command line that the mode needs.
const char* kernel_words(FreeMemory mode) noexcept;

// Has a guest that reports give up all that it has free: what its kernel never reports is cleared,
// the rest waited for. The kernel reports in passes, each two seconds after pages have been freed
// or after a pass that left some. Throws Failure when the agent does not do its part.
void settle_free_memory(VM& vm);

}  // namespace faasnap::cli
