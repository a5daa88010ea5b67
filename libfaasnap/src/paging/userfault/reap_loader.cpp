#include "paging/userfault/reap_loader.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/clock.h"
#include "base/error.h"
#include "base/mapping.h"
#include "paging/plan/read_pieces.h"
#include "paging/reads/direct_file.h"

namespace faasnap::paging {
namespace {

// What one pread(2) takes at most, in whole pages.
constexpr Bytes kLongestRead{1ULL << 30};

void read_whole(const DirectFile& file, const ReadPiece& piece, const base::Mapping& buffer) {
  for (Bytes done; done < piece.length;) {
    const Bytes rest = std::min(piece.length - done, kLongestRead);
    const ssize_t result = ::pread(file.fd().get(), buffer.data() + done.value, rest.value,
                                   static_cast<off_t>((piece.offset + done).value));
    done += check_read(result < 0 ? -errno : result, file.ref(), piece.offset + piece.length);
  }
}

void install_singly(const ReadPiece& piece, const base::Mapping& buffer, const Userfault& faults,
                    const std::function<void(PageRange)>& present) {
  const std::byte* source = buffer.data();
  for (const PageRange& pages : piece.guest) {
    for (std::uint64_t i = 0; i < pages.count; ++i) {
      faults.copy({pages.first + i, 1}, source);
      source += kPageSize;
    }
    if (present) {
      present(pages);
    }
  }
}

}  // namespace

PrefetchStats load_reap_set(const InstallBeforeStart& load, const SnapshotFiles& files,
                            const Userfault& faults,
                            const std::function<void(PageRange)>& present) {
  const Nanoseconds begun = base::monotonic_now();
  PrefetchStats stats;
  stats.direct = true;
  for (const ReadPiece& piece : cut_reads(load.reads, {~0ULL / kPageSize * kPageSize})) {
    const DirectFile file(*files.of(piece.file));
    const base::Mapping buffer = base::Mapping::anonymous(piece.length);
    read_whole(file, piece, buffer);
    install_singly(piece, buffer, faults, present);
    ++stats.reads;
    stats.pages += piece.length.pages();
    stats.bytes += piece.length;
    stats.direct = stats.direct && file.direct();
  }
  stats.duration = base::monotonic_now() - begun;
  stats.finished = true;
  return stats;
}

}  // namespace faasnap::paging
