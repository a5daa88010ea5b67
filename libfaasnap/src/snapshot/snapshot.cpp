// SPDX-License-Identifier: Apache-2.0

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <tuple>
#include <utility>

#include <faasnap/snapshot.h>

#include "base/error.h"
#include "base/files/file.h"
#include "base/files/path.h"
#include "base/files/pending_file.h"
#include "base/progress.h"
#include "format/frame.h"
#include "format/snapshot_directory.h"
#include "format/working_set_file.h"
#include "memory/page_set.h"
#include "paging/page_cache/residency.h"
#include "snapshot/bases.h"
#include "snapshot/image_identity.h"
#include "snapshot/opened_snapshot.h"

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

std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Read-ahead of a file on opening; a larger working set or table takes a second read.
constexpr Bytes kReadAhead{128ULL << 10};

[[noreturn]] void fail_corrupt_file(const std::filesystem::path& path, const std::string& reason) {
  base::fail(ErrorKind::corrupt, "open snapshot", path, reason);
}

template <typename Value>
void expect_equal(const std::filesystem::path& path, const char* what, const Value& found,
                  const Value& expected) {
  if (found != expected) {
    fail_corrupt_file(path, fmt::format("{} is {}, expected {}", what, found, expected));
  }
}

// Opens a file and starts read-ahead of what opening needs: the end of an image, all or the
// beginning of the others.
base::UniqueFd open_ahead(const std::filesystem::path& directory, std::string_view file) {
  const auto path = directory / file;
  base::UniqueFd fd = base::open_regular(path, O_NOFOLLOW);
  const std::uint64_t size = base::file_size(fd, path).value;
  const bool ends_with_frame = file == format::kMemoryFile || file == format::kDisksFile;
  const std::uint64_t length = std::min(size, ends_with_frame ? kPageSize : kReadAhead.value);
  if (length != 0) {
    base::read_ahead(fd, ends_with_frame ? size - length : 0, {length}, path);
  }
  return fd;
}

}  // namespace

Snapshot::Snapshot(std::shared_ptr<const OpenedSnapshot> opened) noexcept
    : opened_(std::move(opened)) {}

const OpenedSnapshot& opened(const Snapshot& snapshot) noexcept { return *snapshot.opened_; }

Snapshot OpenedSnapshot::commit(format::NewSnapshotDirectory& directory, Opening opening) {
  const auto opened = std::make_shared<OpenedSnapshot>(directory.path(), std::move(opening));
  directory.commit();
  opened->directory_ = directory.target();
  return Snapshot(opened);
}

Snapshot OpenedSnapshot::commit_over(format::NewSnapshotDirectory& directory,
                                     std::shared_ptr<const OpenedSnapshot> base) {
  return commit(directory,
                {.open_base = [base = std::move(base)](const auto&...) { return base; }});
}

std::shared_ptr<const OpenedSnapshot> OpenedSnapshot::make(const std::filesystem::path& directory,
                                                           Files files, Files direct,
                                                           Opening opening) {
  return std::shared_ptr<const OpenedSnapshot>(
      new OpenedSnapshot(directory, std::move(files), std::move(direct), std::move(opening)));
}

Snapshot OpenedSnapshot::of_files(const std::filesystem::path& directory, Files files, Files direct,
                                  Opening opening) {
  return of(make(directory, std::move(files), std::move(direct), std::move(opening)));
}

OpenedSnapshot::OpenBase OpenedSnapshot::bases_in(
    std::span<const std::filesystem::path> directories) {
  return [places = std::vector(directories.begin(), directories.end())](
             const SnapshotInfo& layer, const std::filesystem::path& directory, unsigned n) {
    return std::make_shared<const OpenedSnapshot>(find_base(*layer.base, directory, places),
                                                  Opening{.open_base = bases_in(places), .n = n});
  };
}

Snapshot Snapshot::open(const std::filesystem::path& directory,
                        std::span<const std::filesystem::path> bases) {
  return Snapshot(std::make_shared<const OpenedSnapshot>(
      directory, OpenedSnapshot::Opening{.open_base = OpenedSnapshot::bases_in(bases)}));
}

Snapshot Snapshot::upgrade(const std::filesystem::path& directory, const Progress& progress,
                           std::span<const std::filesystem::path> bases) {
  const Snapshot snapshot = open(directory, bases);
  format::Manifest verified = opened(snapshot).verify(progress);
  if (!opened(snapshot).signature()) {
    verified.info.format_version = format::kSnapshotVersion;
  }
  const std::string text = format::encode_manifest(verified);
  base::PendingFile manifest(snapshot.directory());
  base::write_exact(manifest.fd(), std::as_bytes(std::span(text)), 0, manifest.path());
  manifest.publish_durably(snapshot.directory() / format::kManifestFile);
  return open(directory, bases);
}

std::vector<std::string> Snapshot::remove(const std::filesystem::path& directory) {
  return format::remove_snapshot_directory(directory);
}

std::vector<std::string> Snapshot::foreign_names() const {
  return format::foreign_names(directory());
}

const std::filesystem::path& Snapshot::directory() const noexcept { return opened_->directory(); }

const SnapshotInfo& Snapshot::info() const noexcept { return opened_->info(); }

std::optional<Snapshot> Snapshot::base() const {
  return opened_->base() ? std::optional(Snapshot(opened_->base())) : std::nullopt;
}

std::optional<std::string> Snapshot::signing_key() const {
  const auto signature = opened_->signature();
  return signature ? std::optional(format::to_hex(signature->key_id)) : std::nullopt;
}

void Snapshot::verify(const Progress& progress) const { opened_->verify(progress); }

std::optional<StoredSet> Snapshot::stream_set() const {
  const format::PageSetTable* set = opened_->stream_set();
  if (set == nullptr) {
    return std::nullopt;
  }
  return StoredSet{
      opened_->compression(), {set->pages() * kPageSize}, set->file_size - set->data_offset};
}

RestorePlan Snapshot::plan(Setting setting, bool prepared) const {
  return opened_->plan(setting, prepared);
}

std::optional<WorkingSet> Snapshot::working_set(Recorder recorder) const {
  return opened_->working_set(recorder);
}

std::uint64_t Snapshot::drop_caches() const { return opened_->drop_caches(); }

std::uint64_t Snapshot::cached_pages() const { return opened_->cached_pages(); }

std::vector<SnapshotLayer> Snapshot::layers() const {
  std::vector<SnapshotLayer> layers;
  for (const OpenedSnapshot* layer : opened_->layers()) {
    const auto number = static_cast<std::uint32_t>(layers.size());
    layers.push_back({.id = layer->info().id,
                      .directory = layer->directory(),
                      .stored_pages = layer->info().stored_pages,
                      .shown_pages = opened_->image_map().pages_of(number).pages()});
  }
  return layers;
}

std::vector<const OpenedSnapshot*> OpenedSnapshot::layers() const {
  std::vector<const OpenedSnapshot*> layers;
  for (const OpenedSnapshot* layer = this; layer != nullptr; layer = layer->base_.get()) {
    layers.push_back(layer);
  }
  return layers;
}

format::ImageContent OpenedSnapshot::image() const {
  std::vector<format::ImageContent::File> files;
  for (const OpenedSnapshot* layer : layers()) {
    files.push_back({&layer->fd_of(format::kMemoryFile), layer->path_of(format::kMemoryFile)});
  }
  return {std::move(files), map_};
}

const format::Section& OpenedSnapshot::section(std::string_view name, std::uint32_t version) const {
  return format::require_section(sections_, name, version, path_of(format::kStateFile));
}

const base::UniqueFd& OpenedSnapshot::fd_in(const Files& files, std::string_view file) noexcept {
  const auto at = std::ranges::find(format::kSnapshotFiles, file);
  return files[static_cast<std::size_t>(at - format::kSnapshotFiles.begin())];
}

const base::UniqueFd& OpenedSnapshot::fd_of(std::string_view file) const noexcept {
  return fd_in(files_, file);
}

const base::UniqueFd& OpenedSnapshot::direct_fd_of(std::string_view file) const noexcept {
  return fd_in(direct_, file);
}

FileIdentity OpenedSnapshot::require_same(const format::ImageFile& image,
                                          const base::UniqueFd& file,
                                          const std::filesystem::path& path) const {
  const FileIdentity& expected = info().*image.identity;
  const bool recognised = knows_host_ && stamp_of(file, path) == stamp_of(expected);
  if (check_ && !recognised) {
    return image_check_.require_content(expected, file, path,
                                        [&] { return check_->begin(image.name, path); });
  }
  return image_check_.require_same(expected, file, path);
}

std::optional<format::SignatureContent> OpenedSnapshot::signature() const {
  const base::UniqueFd& fd = fd_of(format::kSignatureFile);
  if (!fd) {
    return std::nullopt;
  }
  const auto path = path_of(format::kSignatureFile);
  const auto text = base::read_file(fd, path, format::kMaximumSignature);
  return format::decode_signature(text_of(text), path);
}

std::optional<WorkingSet> OpenedSnapshot::working_set(Recorder recorder) const {
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
    reject(fmt::format("the recorder is {}, expected {}", to_string(set.recorder()),
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

format::Manifest OpenedSnapshot::verify(const Progress& progress) const {
  working_set(Recorder::mincore);
  working_set(Recorder::userfaultfd);
  const std::pair<std::string_view, std::optional<format::PageSetTable>> sets[] = {
      {format::kLoadingSetFile, read_loading_set()},
      {format::kReapSetFile, read_reap_set()},
      {format::kStreamSetFile, read_stream_set()}};
  Bytes total{layers().size() * info().memory.value};
  for (const auto& [name, table] : sets) {
    total += Bytes{table ? table->pages() * kPageSize : 0};
  }
  for (const format::ImageFile& image : format::kImageFiles) {
    total += (info().*image.identity).size;
  }
  total += info().disks;
  base::StepProgress steps(progress, total);
  for (const OpenedSnapshot* layer : layers()) {
    layer->verify_image(steps.next(info().memory));
  }
  if (disks_) {
    const auto path = path_of(format::kDisksFile);
    check_while(format::pages_part(format::kDisksFile), path, [&](const base::TakeBytes& take) {
      format::verify_memory_image(fd_of(format::kDisksFile), path, *disks_,
                                  steps.next(info().disks), take);
    });
  }
  for (const auto& set : sets) {
    if (set.second) {
      const auto path = path_of(set.first);
      check_while(format::pages_part(set.first), path, [&](const base::TakeBytes& take) {
        format::verify_page_set(fd_of(set.first), path, *set.second,
                                steps.next({set.second->pages() * kPageSize}), take);
      });
    }
  }
  format::Manifest verified = manifest_;
  for (const auto& [name, identity] : format::kImageFiles) {
    FileIdentity& file = verified.info.*identity;
    if (!file.path.empty()) {
      check_while(name, file.path, [&](const base::TakeBytes& take) {
        file = verify_identity(file, steps.next(file.size), take);
      });
    }
  }
  return verified;
}

void OpenedSnapshot::verify_image(const Progress& progress) const {
  read_manifest();
  read_state();
  read_image_table();
  const auto memory = path_of(format::kMemoryFile);
  check_while(format::kMemoryPart, memory, [&](const base::TakeBytes& take) {
    format::verify_memory_image(fd_of(format::kMemoryFile), memory, image_, progress, take);
  });
}

template <typename Use>
void OpenedSnapshot::for_each_file(Use use) const {
  for (std::size_t i = 0; i < files_.size(); ++i) {
    if (files_[i]) {
      use(path_of(format::kSnapshotFiles[i]), files_[i]);
    }
  }
}

void OpenedSnapshot::require_unchanged() const {
  for (std::size_t i = 0; i < files_.size(); ++i) {
    const auto path = path_of(format::kSnapshotFiles[i]);
    if (files_[i] && stamp_of(files_[i], path) != stamps_[i]) {
      fail_corrupt_file(path, "file has been written to since the snapshot was opened");
    }
  }
  if (base_) {
    base_->require_unchanged();
  }
}

std::uint64_t OpenedSnapshot::drop_caches() const {
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
  return left + (base_ ? base_->drop_caches() : 0);
}

std::uint64_t OpenedSnapshot::cached_pages() const {
  std::uint64_t pages = 0;
  for_each_file([&](const std::filesystem::path& path, const base::UniqueFd& fd) {
    pages += resident_pages(fd, path);
  });
  return pages + (base_ ? base_->cached_pages() : 0);
}

OpenedSnapshot::OpenedSnapshot(const std::filesystem::path& directory, Opening opening)
    : OpenedSnapshot(base::absolute_path(directory).lexically_normal(),
                     open_files(directory, opening.n), {}, std::move(opening)) {}

OpenedSnapshot::OpenedSnapshot(std::filesystem::path directory, Files files, Files direct,
                               Opening opening)
    : directory_(std::move(directory)),
      files_(std::move(files)),
      direct_(std::move(direct)),
      check_(opening.check) {
  for (std::size_t i = 0; i < files_.size(); ++i) {
    if (files_[i]) {
      stamps_[i] = stamp_of(files_[i], path_of(format::kSnapshotFiles[i]));
    }
  }
  std::tie(manifest_, knows_host_) = read_manifest();
  sections_ = read_state();
  image_ = read_image_table();
  base_ = open_base(opening);
  map_ = lay_out();
  nonzero_ = map_.pages();
  if (opening.n != 0) {
    return;
  }
  check_optional_files();
  for (const auto& [name, record] : {std::pair(format::kWorkingSetFile, manifest_.working_set),
                                     std::pair(format::kTouchedSetFile, manifest_.touched_set)}) {
    if (record) {
      read_working_set(name, *record);
    }
  }
  disks_ = read_disks();
  loading_set_ = read_loading_set();
  reap_set_ = read_reap_set();
  stream_set_ = read_stream_set();
}

void OpenedSnapshot::check_optional_files() const {
  for (const auto& [name, record] : format::kOptionalFiles) {
    const bool expected = (manifest_.*record).has_value();
    if (static_cast<bool>(fd_of(name)) != expected) {
      fail_corrupt_file(path_of(name), expected ? "file is missing, but the manifest names it"
                                                : "unexpected file, the manifest does not name it");
    }
  }
}

std::shared_ptr<const OpenedSnapshot> OpenedSnapshot::open_base(const Opening& opening) const {
  if (!info().base) {
    return nullptr;
  }
  const unsigned n = opening.n + 1;
  if (n == kMaximumLayers) {
    fail_corrupt_file(path_of(format::kManifestFile),
                      fmt::format("more than {} layers lie upon each other", kMaximumLayers));
  }
  auto base = opening.open_base ? opening.open_base(info(), directory_, n)
                                : bases_in({})(info(), directory_, n);
  if (base->identity() != *info().base) {
    fail_corrupt_file(base->directory_,
                      fmt::format("snapshot {} with checksum {:08x}, expected the base of {}: {} "
                                  "with checksum {:08x}",
                                  base->info().id, base->identity().checksum, directory_.string(),
                                  info().base->id, info().base->checksum));
  }
  if (base->info().memory != info().memory) {
    fail_corrupt_file(
        base->directory_,
        fmt::format("guest memory has {} bytes, expected {} as in {}, of which this "
                    "is the base",
                    base->info().memory.value, info().memory.value, directory_.string()));
  }
  return base;
}

memory::ImageMap OpenedSnapshot::lay_out() const {
  const memory::PageSet based(image_.based);
  if (const auto lost = base_ ? based.minus(base_->nonzero_) : based; !lost.empty()) {
    fail_corrupt_file(
        path_of(format::kStateFile),
        fmt::format("page {} has the content of the base, which {}",
                    lost.runs().front().first.value,
                    base_ ? fmt::format("has none there: {}", base_->directory_.string())
                          : "the snapshot does not have"));
  }
  return memory::lay_over(base_ ? base_->map_ : memory::ImageMap(), image_.stored, image_.based);
}

// Starts read-ahead of all of them first: a disk reads their beginnings together faster than one
// after the other.
OpenedSnapshot::Files OpenedSnapshot::open_files(const std::filesystem::path& directory,
                                                 unsigned n) {
  format::check_snapshot_directory(directory);
  Files files;
  for (std::size_t i = 0; i < files.size(); ++i) {
    const std::string_view name = format::kSnapshotFiles[i];
    struct stat status {};
    const bool optional =
        name == format::kSignatureFile ||
        std::ranges::find(format::kOptionalFiles, name, &format::OptionalFile::name) !=
            format::kOptionalFiles.end();
    if (n != 0 && optional && name != format::kSignatureFile) {
      continue;
    }
    if (!optional || ::lstat((directory / name).c_str(), &status) == 0) {
      files[i] = open_ahead(directory, name);
    }
  }
  return files;
}

void OpenedSnapshot::check_record(std::string_view file, const format::FileRecord& expected,
                                  Bytes size, std::uint32_t checksum) const {
  const auto path = path_of(file);
  if (size != expected.size) {
    fail_corrupt_file(path, fmt::format("file has {} bytes, expected {} as in the manifest",
                                        size.value, expected.size.value));
  }
  if (checksum != expected.checksum) {
    fail_corrupt_file(
        path, fmt::format("file belongs to another snapshot: its checksum is {:08x}, expected "
                          "{:08x} as in the manifest",
                          checksum, expected.checksum));
  }
}

void OpenedSnapshot::check(std::string_view part, std::string_view file,
                           std::span<const std::byte> bytes) const {
  check_while(part, path_of(file), [&](const base::TakeBytes& take) {
    if (take) {
      take(bytes);
    }
  });
}

void OpenedSnapshot::check_while(std::string_view part, const std::filesystem::path& file,
                                 const std::function<void(const base::TakeBytes&)>& read) const {
  if (!check_) {
    read({});
    return;
  }
  const auto content = check_->begin(part, file);
  read([&](std::span<const std::byte> bytes) { content->take(bytes); });
  content->finish();
}

std::pair<format::Manifest, bool> OpenedSnapshot::read_manifest() const {
  const auto path = path_of(format::kManifestFile);
  const auto bytes = base::read_file(fd_of(format::kManifestFile), path, format::kMaximumManifest);
  const std::string text = text_of(bytes);
  bool knows_host = false;
  if (check_) {
    const auto lines = format::split_manifest(text);
    check(format::kManifestPart, format::kManifestFile,
          std::as_bytes(std::span(lines.of_snapshot)));
    knows_host = check_->is(format::kImagesPart, std::as_bytes(std::span(lines.of_host)));
  }
  return {format::decode_manifest(text, path), knows_host};
}

std::vector<format::Section> OpenedSnapshot::read_state() const {
  const auto path = path_of(format::kStateFile);
  const auto bytes = base::read_file(fd_of(format::kStateFile), path, format::kMaximumState);
  check(format::kStateFile, format::kStateFile, bytes);
  auto sections = format::decode_state(bytes, path);
  check_record(format::kStateFile, manifest_.state, {bytes.size()}, format::frame_checksum(bytes));
  return sections;
}

format::ImageTable OpenedSnapshot::read_image_table() const {
  const auto path = path_of(format::kMemoryFile);
  const SnapshotInfo& info = manifest_.info;
  const auto checksum =
      format::check_image_trailer(fd_of(format::kMemoryFile), path, info.id, info.memory);
  check_record(format::kMemoryFile, manifest_.memory,
               base::file_size(fd_of(format::kMemoryFile), path), checksum);
  const auto state = path_of(format::kStateFile);
  auto table = format::load_image_table(format::image_table_section(sections_, state), state);
  expect_equal(state, "memory size", table.memory.value, info.memory.value);
  expect_equal(state, "number of non-zero pages", table.nonzero_pages(), info.nonzero_pages);
  expect_equal(state, "number of stored pages", table.stored_pages(), info.stored_pages);
  return table;
}

std::optional<format::ImageTable> OpenedSnapshot::read_disks() const {
  if (!manifest_.disks) {
    return std::nullopt;
  }
  const auto path = path_of(format::kDisksFile);
  const base::UniqueFd& fd = fd_of(format::kDisksFile);
  const SnapshotInfo& info = manifest_.info;
  const auto checksum = format::check_image_trailer(fd, path, info.id, info.disks);
  check_record(format::kDisksFile, *manifest_.disks, base::file_size(fd, path), checksum);
  const auto state = path_of(format::kStateFile);
  auto table = format::load_image_table(
      format::image_table_section(sections_, state, format::kDisksSection), state);
  expect_equal(state, "size of the disks", table.memory.value, info.disks.value);
  if (!table.based.empty()) {
    fail_corrupt_file(state, "section 'disks' has pages of a base, expected none");
  }
  return table;
}

std::vector<std::byte> OpenedSnapshot::read_working_set(std::string_view file,
                                                        const format::FileRecord& expected) const {
  const auto path = path_of(file);
  auto bytes = base::read_file(fd_of(file), path, format::kMaximumWorkingSet);
  check(file, file, bytes);
  const auto checksum = format::check_working_set(bytes, path);
  check_record(file, expected, {bytes.size()}, checksum);
  return bytes;
}

std::optional<format::PageSetTable> OpenedSnapshot::read_table(
    std::string_view file, const std::optional<format::FileRecord>& expected) const {
  if (!expected) {
    return std::nullopt;
  }
  const auto path = path_of(file);
  const SnapshotInfo& info = manifest_.info;
  auto table = format::read_page_set_table(
      fd_of(file), path, [&](std::span<const std::byte> head) { check(file, file, head); });
  check_record(file, *expected, table.file_size, table.checksum);
  expect_equal(path, "snapshot id", table.snapshot_id, info.id);
  expect_equal(path, "memory size", table.memory.value, info.memory.value);
  if (const auto lost = memory::PageSet(table.zero_runs).intersect(nonzero_); !lost.empty()) {
    fail_corrupt_file(path, fmt::format("page {} is zero, but the image has data",
                                        lost.runs().front().first.value));
  }
  return table;
}

Compression OpenedSnapshot::compression() const noexcept {
  return stream_set_ && stream_set_->compressed() ? Compression::lz4 : Compression::none;
}

std::optional<format::PageSetTable> OpenedSnapshot::read_loading_set() const {
  auto table = read_table(format::kLoadingSetFile, manifest_.loading_set);
  if (table) {
    const auto path = path_of(format::kLoadingSetFile);
    expect_equal(path, "number of regions", std::uint64_t{table->regions.size()},
                 info().loading_set_regions);
    expect_equal(path, "number of pages", table->pages(), info().loading_set_pages);
  }
  return table;
}

std::optional<format::PageSetTable> OpenedSnapshot::read_reap_set() const {
  auto table = read_table(format::kReapSetFile, manifest_.reap_set);
  if (table && table->pages() > info().touched_pages) {
    fail_corrupt_file(path_of(format::kReapSetFile),
                      fmt::format("number of pages is {}, expected at most {}", table->pages(),
                                  info().touched_pages));
  }
  return table;
}

std::optional<format::PageSetTable> OpenedSnapshot::read_stream_set() const {
  auto table = read_table(format::kStreamSetFile, manifest_.stream_set);
  if (table) {
    const auto path = path_of(format::kStreamSetFile);
    expect_equal(path, "number of pages", table->pages(), info().stream_set_pages);
    expect_equal(path, "number of zero pages", table->zero_pages(), info().stream_set_zero_pages);
  }
  return table;
}

}  // namespace faasnap
