// SPDX-License-Identifier: Apache-2.0

#include "jail/limits.h"

#include <sys/resource.h>

#include <algorithm>

#include <faasnap/units.h>

#include "base/error.h"
#include "format/memory_image.h"
#include "machine/machine.h"
#include "virtio/block/disk_content.h"

namespace faasnap::worker {
namespace {

constexpr rlim_t kDescriptors = 4096;

void set_limit(__rlimit_resource_t resource, rlim_t value) {
  rlimit limit{};
  if (::getrlimit(resource, &limit) != 0) {
    base::fail_errno("read limit of worker");
  }
  limit.rlim_max = std::min(limit.rlim_max, value);
  limit.rlim_cur = limit.rlim_max;
  if (::setrlimit(resource, &limit) != 0) {
    base::fail_errno("limit worker");
  }
}

}  // namespace

void set_limits() {
  set_limit(RLIMIT_NOFILE, kDescriptors);
  set_limit(RLIMIT_CORE, 0);
  // The largest file is that of a snapshot's disks.
  set_limit(RLIMIT_FSIZE,
            format::image_file_size({machine::kMaximumDisks * virtio::kMaximumDisk.value}).value);
}

}  // namespace faasnap::worker
