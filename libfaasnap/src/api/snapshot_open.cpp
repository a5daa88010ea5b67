#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>

#include "api/snapshot_impl.h"
#include "base/error.h"
#include "base/file.h"
#include "format/frame.h"
#include "format/snapshot_directory.h"
#include "format/working_set_file.h"

namespace faasnap {
namespace {

// Of a file, on opening: a large working set or table takes a second read.
constexpr Bytes kReadAhead{128ULL << 10};

[[noreturn]] void fail_corrupt(const std::filesystem::path& path, const std::string& reason) {
  base::fail(ErrorKind::corrupt, "open snapshot", path, reason);
}

template <typename Value>
void expect_equal(const std::filesystem::path& path, const char* what, const Value& found,
                  const Value& expected) {
  if (found != expected) {
    fail_corrupt(path, fmt::format("{} is {}, expected {}", what, found, expected));
  }
}

}  // namespace

Snapshot::Impl::Impl(const std::filesystem::path& directory)
    : directory_(std::filesystem::absolute(directory).lexically_normal()) {
  format::check_snapshot_directory(directory_);
  // All of them first: a disk reads their beginnings together faster than one after the other.
  manifest_file_ = open_ahead(format::kManifestFile);
  state_file_ = open_ahead(format::kStateFile);
  memory_file_ = open_ahead(format::kMemoryFile);
  working_set_file_ = open_if_there(format::kWorkingSetFile);
  loading_set_file_ = open_if_there(format::kLoadingSetFile);
  manifest_ = read_manifest();
  expect_file(format::kWorkingSetFile, static_cast<bool>(working_set_file_),
              manifest_.working_set.has_value());
  expect_file(format::kLoadingSetFile, static_cast<bool>(loading_set_file_),
              manifest_.loading_set.has_value());
  sections_ = read_state();
  image_ = read_image_table();
  if (working_set_file_) {
    read_working_set();
  }
  if (loading_set_file_) {
    loading_set_ = read_loading_set();
  }
}

base::UniqueFd Snapshot::Impl::open_ahead(std::string_view file) const {
  const auto path = path_of(file);
  base::UniqueFd fd = base::open_regular(path);
  const std::uint64_t size = base::file_size(fd, path).value;
  const std::uint64_t length =
      std::min(size, file == format::kMemoryFile ? kPageSize : kReadAhead.value);
  if (length != 0) {
    base::read_ahead(fd, file == format::kMemoryFile ? size - length : 0, {length}, path);
  }
  return fd;
}

base::UniqueFd Snapshot::Impl::open_if_there(std::string_view file) const {
  struct stat status {};
  const bool there = ::lstat(path_of(file).c_str(), &status) == 0;
  return there ? open_ahead(file) : base::UniqueFd();
}

void Snapshot::Impl::expect_file(std::string_view file, bool found, bool expected) const {
  if (found != expected) {
    fail_corrupt(path_of(file), found ? "is there, expected none by the manifest"
                                      : "is missing, expected one by the manifest");
  }
}

void Snapshot::Impl::check_record(std::string_view file, const format::FileRecord& expected,
                                  Bytes size, std::uint32_t checksum) const {
  const auto path = path_of(file);
  if (size != expected.size) {
    fail_corrupt(path, fmt::format("file has {} bytes, expected {} by the manifest", size.value,
                                   expected.size.value));
  }
  if (checksum != expected.checksum) {
    fail_corrupt(path, fmt::format("file of another snapshot: its checksum is {:08x}, expected "
                                   "{:08x} by the manifest",
                                   checksum, expected.checksum));
  }
}

format::Manifest Snapshot::Impl::read_manifest() const {
  const auto path = path_of(format::kManifestFile);
  const auto text = base::read_file(manifest_file_, path, format::kMaximumManifest);
  return format::decode_manifest({reinterpret_cast<const char*>(text.data()), text.size()}, path);
}

std::vector<format::Section> Snapshot::Impl::read_state() const {
  const auto path = path_of(format::kStateFile);
  const auto bytes = base::read_file(state_file_, path, format::kMaximumState);
  auto sections = format::decode_state(bytes, path);
  check_record(format::kStateFile, manifest_.state, {bytes.size()}, format::frame_checksum(bytes));
  return sections;
}

format::ImageTable Snapshot::Impl::read_image_table() const {
  const auto path = path_of(format::kMemoryFile);
  const SnapshotInfo& info = manifest_.info;
  const auto checksum = format::check_image_trailer(memory_file_, path, info.id, info.memory);
  check_record(format::kMemoryFile, manifest_.memory, base::file_size(memory_file_, path),
               checksum);
  const auto state = path_of(format::kStateFile);
  auto table =
      format::load_image_table(format::require_section(sections_, format::kMemorySection,
                                                       format::kMemorySectionVersion, state),
                               state);
  expect_equal(state, "memory size", table.memory.value, info.memory.value);
  expect_equal(state, "number of non-zero pages", table.nonzero_pages(), info.nonzero_pages);
  return table;
}

std::vector<std::byte> Snapshot::Impl::read_working_set() const {
  const auto path = path_of(format::kWorkingSetFile);
  auto bytes = base::read_file(working_set_file_, path, format::kMaximumWorkingSet);
  const auto checksum = format::check_working_set(bytes, path);
  check_record(format::kWorkingSetFile, *manifest_.working_set, {bytes.size()}, checksum);
  return bytes;
}

format::LoadingSetTable Snapshot::Impl::read_loading_set() const {
  const auto path = path_of(format::kLoadingSetFile);
  const SnapshotInfo& info = manifest_.info;
  auto table = format::read_loading_set_table(loading_set_file_, path);
  check_record(format::kLoadingSetFile, *manifest_.loading_set, table.file_size, table.checksum);
  expect_equal(path, "snapshot id", table.snapshot_id, info.id);
  expect_equal(path, "memory size", table.memory.value, info.memory.value);
  expect_equal(path, "number of regions", std::uint64_t{table.regions.size()},
               info.loading_set_regions);
  expect_equal(path, "number of pages", table.pages(), info.loading_set_pages);
  return table;
}

}  // namespace faasnap
