// SPDX-License-Identifier: Apache-2.0

#include "paging/page_cache/mapper.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>

#include "base/error.h"
#include "paging/page_cache/block_mapping.h"

namespace faasnap::paging {
namespace {

void check(const PlannedMapping& mapping, Bytes memory, const SnapshotFiles& files) {
  const std::uint64_t pages = memory.pages();
  const PageRange guest = mapping.guest;
  if (guest.count == 0 || guest.first.value > pages || guest.count > pages - guest.first.value) {
    base::fail(ErrorKind::invalid_argument, "map guest memory", {},
               fmt::format("{} pages from page {} do not fit a guest of {} pages", guest.count,
                           guest.first.value, pages));
  }
  const FileRef* file = files.of(mapping.backing, mapping.layer);
  if (file != nullptr && (file->fd == nullptr || !*file->fd)) {
    base::fail(ErrorKind::invalid_argument, "map guest memory", file->path,
               "the plan uses a file that the snapshot lacks");
  }
}

void map_over(const memory::GuestMemory& memory, const PlannedMapping& mapping,
              const SnapshotFiles& files) {
  const FileRef* file = files.of(mapping.backing, mapping.layer);
  std::byte* target = memory.host().data() + mapping.guest.first.offset().value;
  const int flags = MAP_FIXED | MAP_PRIVATE | MAP_NORESERVE | (file == nullptr ? MAP_ANONYMOUS : 0);
  const void* mapped =
      ::mmap(target, mapping.guest.size().value, PROT_READ | PROT_WRITE, flags,
             file == nullptr ? -1 : file->fd->get(), static_cast<off_t>(mapping.file_offset.value));
  if (mapped == MAP_FAILED) {
    // ENOMEM: as a rule the process is out of mappings (vm.max_map_count), not of memory.
    base::fail_errno("map guest memory", file == nullptr ? std::filesystem::path() : file->path);
  }
  if (mapping.backing == Backing::loading_set) {
    hint_blocks({target, mapping.guest.size().value});
  }
}

// Ends the kernel's read-ahead for faults in `pages`. One call for them all: a hint has no effect
// on anonymous memory between file mappings.
void hint_random(const memory::GuestMemory& memory, PageRange pages) {
  if (::madvise(memory.host().data() + pages.first.offset().value, pages.size().value,
                MADV_RANDOM) != 0) {
    base::fail_errno("madvise(MADV_RANDOM) guest memory");
  }
}

PageRange hull(PageRange a, PageRange b) {
  const PageIndex first = std::min(a.first, b.first);
  return {first, std::max(a.end(), b.end()) - first};
}

}  // namespace

std::uint64_t apply(const RestorePlan& plan, const memory::GuestMemory& memory,
                    const SnapshotFiles& files) {
  for (const PlannedMapping& mapping : plan.mappings) {
    check(mapping, memory.size(), files);
  }
  std::uint64_t made = 0;
  PageRange mapped{};
  for (const PlannedMapping& mapping : plan.mappings) {
    if (mapping.backing == Backing::anonymous && made == 0) {
      continue;  // guest memory is anonymous already
    }
    map_over(memory, mapping, files);
    mapped = made == 0 ? mapping.guest : hull(mapped, mapping.guest);
    ++made;
  }
  const auto* kernel = std::get_if<KernelFaults>(&plan.faults);
  if ((kernel == nullptr || !kernel->read_ahead) && made != 0) {
    hint_random(memory, mapped);
  }
  if (made != 0) {
    memory.hide_mapped(mapped);
  }
  return made;
}

}  // namespace faasnap::paging
