// SPDX-License-Identifier: Apache-2.0

#include "paging/userfault/reap_loader.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/clock.h"
#include "base/error.h"
#include "paging/reads/block_buffers.h"
#include "paging/reads/direct_file.h"

namespace faasnap::paging {
namespace {

// Maximum length of one pread(2), in whole pages.
constexpr Bytes kLongestRead{1ULL << 30};

void read_whole(const DirectFile& file, const ReadPiece& piece, const base::Mapping& buffer) {
  for (Bytes done; done < piece.length;) {
    const Bytes rest = std::min(piece.length - done, kLongestRead);
    const ssize_t result = ::pread(file.fd().get(), buffer.data() + done.value, rest.value,
                                   static_cast<off_t>((piece.offset + done).value));
    done += check_read(result < 0 ? -errno : result, file.ref(), piece.offset + piece.length);
  }
}

}  // namespace

ReapLoader::ReapLoader(const InstallBeforeStart& load, const SnapshotFiles& files,
                       const Userfault& faults, LoaderCallbacks callbacks)
    : pieces_(cut_reads(load.reads, {~0ULL / kPageSize * kPageSize})),
      files_(files),
      faults_(faults),
      callbacks_(std::move(callbacks)) {}

void ReapLoader::start() {
  try {
    const PrefetchStats stats = load();
    const std::lock_guard lock(mutex_);
    stats_ = stats;
  } catch (...) {
    {
      const std::lock_guard lock(mutex_);
      failure_ = std::current_exception();
    }
    if (!cancelled_ && callbacks_.failed) {
      callbacks_.failed(std::current_exception());
    }
    throw;
  }
}

void ReapLoader::wait() const {
  const std::lock_guard lock(mutex_);
  if (failure_) {
    std::rethrow_exception(failure_);
  }
}

PrefetchStats ReapLoader::stats() const {
  const std::lock_guard lock(mutex_);
  return stats_;
}

PrefetchStats ReapLoader::load() const {
  const Nanoseconds begun = base::monotonic_now();
  PrefetchStats stats;
  stats.direct = true;
  const BlockBuffers blocks(pieces_, 1);
  for (const ReadPiece& piece : pieces_) {
    const DirectFile file(*files_.of(piece.file, piece.layer));
    const base::Mapping buffer = base::Mapping::anonymous(piece.length);
    read_whole(file, piece, buffer);
    install_singly(piece, blocks.content_of(piece, file.ref().path, buffer.bytes(), 0));
    ++stats.reads;
    stats.pages += piece.pages();
    stats.bytes += Bytes{piece.pages() * kPageSize};
    stats.read += piece.length;
    stats.direct = stats.direct && file.direct();
  }
  stats.duration = base::monotonic_now() - begun;
  stats.finished = true;
  return stats;
}

void ReapLoader::install_singly(const ReadPiece& piece, std::span<const std::byte> content) const {
  for (std::size_t run = 0; run < piece.guest.size(); ++run) {
    const PageRange pages = piece.guest[run];
    const std::byte* source = content.data() + piece.begins[run].value;
    check_cancelled();
    for (std::uint64_t i = 0; i < pages.count; ++i) {
      faults_.copy({pages.first + i, 1}, source);
      source += kPageSize;
    }
    if (callbacks_.present) {
      callbacks_.present(pages);
    }
    if (callbacks_.settled) {
      callbacks_.settled(pages);
    }
  }
}

void ReapLoader::check_cancelled() const {
  if (cancelled_) {
    base::fail(ErrorKind::cancelled, "load guest memory", {},
               "stopped before everything was loaded");
  }
}

}  // namespace faasnap::paging
