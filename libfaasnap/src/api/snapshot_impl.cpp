#include "api/snapshot_impl.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "api/snapshot_writer.h"
#include "base/error.h"
#include "base/file.h"
#include "format/snapshot_directory.h"
#include "format/working_set_file.h"
#include "paging/planner.h"
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

std::optional<WorkingSet> Snapshot::Impl::working_set() const {
  if (!working_set_file_) {
    return std::nullopt;
  }
  auto content = format::decode_working_set(read_working_set(), path_of(format::kWorkingSetFile));
  return WorkingSet(std::move(content.snapshot_id), content.memory, std::move(content.groups));
}

RestorePlan Snapshot::Impl::plan(Setting setting) const {
  if (setting == Setting::faasnap && !loading_set_) {
    base::fail(ErrorKind::not_found, "plan restore", directory_,
               fmt::format("snapshot has no loading set, which the setting '{}' needs",
                           to_string(setting)));
  }
  paging::PlanInputs inputs{.memory = info().memory, .nonzero = image_.nonzero, .loading_set = {}};
  if (loading_set_) {
    inputs.loading_set = loading_set_->regions;
  }
  return paging::plan_restore(setting, inputs);
}

void Snapshot::Impl::verify(const Progress& progress) const {
  read_manifest();
  read_state();
  read_image_table();
  working_set();
  Bytes total = info().memory;
  std::optional<format::LoadingSetTable> loading_set;
  if (loading_set_file_) {
    loading_set = read_loading_set();
    total += Bytes{loading_set->pages() * kPageSize};
  }
  for (const FileIdentity* file : {&info().kernel, &info().initramfs, &info().root_image}) {
    total += file->size;
  }
  Steps steps(progress, total);
  format::verify_memory_image(memory_file_, path_of(format::kMemoryFile), image_,
                              steps.next(info().memory));
  if (loading_set) {
    format::verify_loading_set(loading_set_file_, path_of(format::kLoadingSetFile), *loading_set,
                               steps.next({loading_set->pages() * kPageSize}));
  }
  for (const FileIdentity* file : {&info().kernel, &info().initramfs, &info().root_image}) {
    if (!file->path.empty()) {
      verify_identity(*file, steps.next(file->size));
    }
  }
}

template <typename Use>
void Snapshot::Impl::for_each_file(Use use) const {
  use(path_of(format::kManifestFile), manifest_file_);
  use(path_of(format::kStateFile), state_file_);
  use(path_of(format::kMemoryFile), memory_file_);
  if (working_set_file_) {
    use(path_of(format::kWorkingSetFile), working_set_file_);
  }
  if (loading_set_file_) {
    use(path_of(format::kLoadingSetFile), loading_set_file_);
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
