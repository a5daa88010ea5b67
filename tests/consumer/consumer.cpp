#include <faasnap/error.h>
#include <faasnap/page_prefetcher.h>
#include <faasnap/snapshot.h>
#include <faasnap/vm.h>
#include <faasnap/working_set.h>

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
