#include "api/snapshot_impl.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "api/snapshot_writer.h"
#include "base/error.h"
#include "base/file.h"
#include "format/snapshot_directory.h"
#include "paging/residency.h"

namespace faasnap {
namespace {

void drop_pages(const base::UniqueFd& fd, const std::filesystem::path& path) {
  const int error = ::posix_fadvise(fd.get(), 0, 0, POSIX_FADV_DONTNEED);
  if (error != 0) {
    base::fail_errno("drop from page cache", path, error);
  }
}

std::uint64_t resident_pages(const base::UniqueFd& fd, const std::filesystem::path& path) {
  return paging::FileResidency({&fd, path}, base::file_size(fd, path)).count();
}

// Steps of one long operation, each of which counts from zero.
class Steps {
 public:
  Steps(const Progress& progress, Bytes total) : progress_(progress), total_(total) {}

  // The progress to hand to the next step, which is `size` long.
  Progress next(Bytes size) {
    const Bytes before = before_;
    before_ += size;
    return [this, before](Bytes done, Bytes) {
      return !progress_ || progress_(before + done, total_);
    };
  }

 private:
  const Progress& progress_;
  Bytes total_;
  Bytes before_;
};

void verify_identity(const FileIdentity& expected, const Progress& progress) {
  const FileIdentity found = identify_file(expected.path, progress);
  if (found.size != expected.size || found.checksum != expected.checksum) {
    base::fail(
        ErrorKind::corrupt, "verify snapshot", expected.path,
        fmt::format("file has {} bytes and checksum {:08x}, expected {} and {:08x}",
                    found.size.value, found.checksum, expected.size.value, expected.checksum));
  }
}

}  // namespace

const format::Section& Snapshot::Impl::section(std::string_view name, std::uint32_t version) const {
  return format::require_section(sections_, name, version, path_of(format::kStateFile));
}

const base::UniqueFd& Snapshot::Impl::fd_of(std::string_view file) const noexcept {
  const auto at = std::ranges::find(format::kSnapshotFiles, file);
  return files_[static_cast<std::size_t>(at - format::kSnapshotFiles.begin())];
}

std::optional<WorkingSet> Snapshot::Impl::working_set(Recorder recorder) const {
  const bool touched = recorder == Recorder::userfaultfd;
  const auto& record = touched ? manifest_.touched_set : manifest_.working_set;
  if (!record) {
    return std::nullopt;
  }
  const auto name = touched ? format::kTouchedSetFile : format::kWorkingSetFile;
  auto set = WorkingSet::decode(read_working_set(name, *record), path_of(name));
  const auto reject = [&](const std::string& reason) {
    base::fail(ErrorKind::corrupt, "read", path_of(name), reason);
  };
  if (set.recorder() != recorder) {
    reject(fmt::format("was recorded by {}, expected {}", to_string(set.recorder()),
                       to_string(recorder)));
  }
  if (set.memory() != info().memory) {
    reject(fmt::format("memory size is {}, expected {}", set.memory().value, info().memory.value));
  }
  const std::uint64_t pages = touched ? info().touched_pages : info().working_set_pages;
  if (set.pages() != pages) {
    reject(fmt::format("number of pages is {}, expected {}", set.pages(), pages));
  }
  return set;
}

void Snapshot::Impl::verify(const Progress& progress) const {
  read_manifest();
  read_state();
  read_image_table();
  working_set(Recorder::mincore);
  working_set(Recorder::userfaultfd);
  const std::pair<std::string_view, std::optional<format::LoadingSetTable>> sets[] = {
      {format::kLoadingSetFile, read_loading_set()},
      {format::kReapSetFile, read_reap_set()},
      {format::kStreamSetFile, read_stream_set()}};
  Bytes total = info().memory;
  for (const auto& [name, table] : sets) {
    total += Bytes{table ? table->pages() * kPageSize : 0};
  }
  for (const FileIdentity* file : {&info().kernel, &info().initramfs, &info().root_image}) {
    total += file->size;
  }
  Steps steps(progress, total);
  format::verify_memory_image(fd_of(format::kMemoryFile), path_of(format::kMemoryFile), image_,
                              steps.next(info().memory));
  for (const auto& [name, table] : sets) {
    if (table) {
      format::verify_loading_set(fd_of(name), path_of(name), *table,
                                 steps.next({table->pages() * kPageSize}));
    }
  }
  for (const FileIdentity* file : {&info().kernel, &info().initramfs, &info().root_image}) {
    if (!file->path.empty()) {
      verify_identity(*file, steps.next(file->size));
    }
  }
}

template <typename Use>
void Snapshot::Impl::for_each_file(Use use) const {
  for (std::size_t i = 0; i < files_.size(); ++i) {
    if (files_[i]) {
      use(path_of(format::kSnapshotFiles[i]), files_[i]);
    }
  }
}

std::uint64_t Snapshot::Impl::drop_caches() const {
  std::uint64_t left = 0;
  for_each_file([&](const std::filesystem::path& path, const base::UniqueFd& fd) {
    drop_pages(fd, path);
    std::uint64_t pages = resident_pages(fd, path);
    if (pages != 0) {
      // Dirty pages cannot be dropped.
      if (::fsync(fd.get()) != 0) {
        base::fail_errno("fsync", path);
      }
      drop_pages(fd, path);
      pages = resident_pages(fd, path);
    }
    left += pages;
  });
  return left;
}

std::uint64_t Snapshot::Impl::cached_pages() const {
  std::uint64_t pages = 0;
  for_each_file([&](const std::filesystem::path& path, const base::UniqueFd& fd) {
    pages += resident_pages(fd, path);
  });
  return pages;
}

}  // namespace faasnap
