// SPDX-License-Identifier: Apache-2.0

// Every public header, as the compiler of a stranger sees it.
#include <faasnap/directory_store.h>
#include <faasnap/error.h>
#include <faasnap/export.h>
#include <faasnap/free_memory.h>
#include <faasnap/function_host.h>
#include <faasnap/function_recorder.h>
#include <faasnap/guest_channel.h>
#include <faasnap/guest_stream.h>
#include <faasnap/host.h>
#include <faasnap/log.h>
#include <faasnap/object_store.h>
#include <faasnap/object_store_server.h>
#include <faasnap/page_access.h>
#include <faasnap/page_load.h>
#include <faasnap/page_prefetcher.h>
#include <faasnap/progress.h>
#include <faasnap/redis_options.h>
#include <faasnap/redis_store.h>
#include <faasnap/restore_options.h>
#include <faasnap/restore_plan.h>
#include <faasnap/restored_memory.h>
#include <faasnap/setting.h>
#include <faasnap/snapshot.h>
#include <faasnap/snapshot_catalogue.h>
#include <faasnap/snapshot_info.h>
#include <faasnap/trace.h>
#include <faasnap/units.h>
#include <faasnap/version.h>
#include <faasnap/vm.h>
#include <faasnap/vm_options.h>
#include <faasnap/vm_pool.h>
#include <faasnap/vm_state.h>
#include <faasnap/vm_stats.h>
#include <faasnap/working_set.h>
#include <faasnap/working_set_recorder.h>

#include <cstdio>

// Ends well when the library answers a missing snapshot as its header promises.
int main() {
  try {
    const auto snapshot = faasnap::Snapshot::open("/nonexistent/snapshot");
    faasnap::VM::restore(snapshot);
  } catch (const faasnap::Error& error) {
    std::printf("%s\n", error.what());
    return error.kind() == faasnap::ErrorKind::not_found ? 0 : 1;
  }
  return 1;
}
