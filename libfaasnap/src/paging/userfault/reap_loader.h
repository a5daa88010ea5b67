#pragma once

#include <functional>

#include <faasnap/restore_plan.h>
#include <faasnap/vm_stats.h>

#include "paging/snapshot_files.h"
#include "paging/userfault/userfault.h"

namespace faasnap::paging {

// Loads everything that a plan reads in the way of REAP (Ustiugov et al., ASPLOS '21): reads it
// whole into a buffer of its own, past the page cache, and only then installs it in watched guest
// memory, page by page in the plan's order. Returns when that is done, or throws what kept it from
// that: the error of a read, and ErrorKind::corrupt for a file that ends early.
PrefetchStats load_reap_set(const InstallBeforeStart& load, const SnapshotFiles& files,
                            const Userfault& faults, const std::function<void(PageRange)>& present);

}  // namespace faasnap::paging
