#include <faasnap/snapshot.h>

#include "api/snapshot_impl.h"
#include "format/snapshot_directory.h"

namespace faasnap {

Snapshot::Snapshot(std::shared_ptr<const Impl> impl) noexcept : impl_(std::move(impl)) {}

Snapshot Snapshot::open(const std::filesystem::path& directory) {
  return Snapshot(std::make_shared<const Impl>(directory));
}

void Snapshot::remove(const std::filesystem::path& directory) {
  format::remove_snapshot_directory(directory);
}

const std::filesystem::path& Snapshot::directory() const noexcept { return impl_->directory(); }

const SnapshotInfo& Snapshot::info() const noexcept { return impl_->info(); }

void Snapshot::verify(const Progress& progress) const { impl_->verify(progress); }

RestorePlan Snapshot::plan(Setting setting, bool prepared) const {
  return impl_->plan(setting, prepared);
}

std::optional<WorkingSet> Snapshot::working_set(Recorder recorder) const {
  return impl_->working_set(recorder);
}

std::uint64_t Snapshot::drop_caches() const { return impl_->drop_caches(); }

std::uint64_t Snapshot::cached_pages() const { return impl_->cached_pages(); }

}  // namespace faasnap
