// SPDX-License-Identifier: Apache-2.0

#include "snapshot/image_identity.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <system_error>

#include "base/checksum.h"
#include "base/error.h"
#include "base/files/file.h"
#include "base/progress.h"

namespace faasnap {
namespace {

constexpr std::uint64_t kSamplePages = 64;
constexpr const char* kOtherSize = "file has another size than the snapshot's image";

// The offset of one page of the sample. The first and the last page of the file are in it.
std::uint64_t sample_offset(std::uint64_t i, std::uint64_t count, std::uint64_t pages) {
  return (count == 1 ? 0 : i * (pages - 1) / (count - 1)) * kPageSize;
}

std::uint32_t sample_of(const base::UniqueFd& file, Bytes size, const std::filesystem::path& path) {
  const std::uint64_t pages = size.pages();
  const std::uint64_t count = std::min(pages, kSamplePages);
  std::vector<std::byte> page(kPageSize);
  std::uint32_t checksum = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t offset = sample_offset(i, count, pages);
    const std::span piece(page.data(), std::min(kPageSize, size.value - offset));
    base::read_exact(file, piece, offset, path);
    checksum = base::crc32c(piece, checksum);
  }
  return checksum;
}

std::uint32_t checksum_of(const base::UniqueFd& file, Bytes size, const std::filesystem::path& path,
                          const Progress& progress, const base::TakeBytes& take = {}) {
  std::vector<std::byte> buffer(1 << 20);
  std::uint32_t checksum = 0;
  for (Bytes done; done < size;) {
    const std::span piece(buffer.data(),
                          std::min<std::uint64_t>(buffer.size(), (size - done).value));
    base::read_exact(file, piece, done.value, path);
    checksum = base::crc32c(piece, checksum);
    if (take) {
      take(piece);
    }
    done += Bytes{piece.size()};
    base::report_progress(progress, done, size, "read", path);
  }
  return checksum;
}

FileIdentity identify(const base::UniqueFd& file, const std::filesystem::path& path,
                      const Progress& progress, const base::TakeBytes& take = {}) {
  const FileStamp stamp = stamp_of(file, path);
  FileIdentity identity{.path = path,
                        .size = stamp.size,
                        .checksum = checksum_of(file, stamp.size, path, progress, take),
                        .sample = sample_of(file, stamp.size, path),
                        .modified = stamp.modified,
                        .inode = stamp.inode};
  if (stamp_of(file, path) != stamp) {
    base::fail(ErrorKind::corrupt, "read", path, "file has been written to meanwhile");
  }
  return identity;
}

[[noreturn]] void fail_other(const std::filesystem::path& path, const char* reason) {
  base::fail(ErrorKind::invalid_argument, "check image", path,
             fmt::format("{}; expected the one that the snapshot was made with", reason));
}

}  // namespace

FileStamp stamp_of(const base::UniqueFd& file, const std::filesystem::path& path) {
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) {
    base::fail_errno("stat", path);
  }
  return {
      .size = {static_cast<std::uint64_t>(status.st_size)},
      .modified = std::chrono::seconds(status.st_mtim.tv_sec) + Nanoseconds(status.st_mtim.tv_nsec),
      .inode = status.st_ino};
}

FileStamp stamp_of(const FileIdentity& identity) noexcept {
  return {identity.size, identity.modified, identity.inode};
}

FileIdentity identify_file(const std::filesystem::path& path, const Progress& progress) {
  std::error_code error;
  const std::filesystem::path canonical = std::filesystem::canonical(path, error);
  if (error) {
    base::fail_errno("open", path, error.value());
  }
  return identify(base::open_regular(canonical), canonical, progress);
}

FileIdentity verify_identity(const FileIdentity& expected, const Progress& progress,
                             const base::TakeBytes& take) {
  const auto& path = expected.path;
  const base::UniqueFd file = base::open_regular(path);
  const auto refuse = [&] {
    base::fail(ErrorKind::corrupt, "verify snapshot", path,
               "is not the file that the snapshot was made with");
  };
  if (stamp_of(file, path).size != expected.size) {
    refuse();
  }
  FileIdentity found = identify(file, path, progress, take);
  if (found.checksum != expected.checksum) {
    refuse();
  }
  return found;
}

FileIdentity ImageCheck::require_same(const FileIdentity& expected, const base::UniqueFd& file,
                                      const std::filesystem::path& path) const {
  const FileStamp stamp = stamp_of(file, path);
  if (stamp.size != expected.size) {
    fail_other(path, kOtherSize);
  }
  FileIdentity same = expected;
  same.path = path;
  if (expected.modified != Nanoseconds(0)) {
    if (stamp != stamp_of(expected)) {
      require_copy(expected, file, path);
    }
    same.modified = stamp.modified;
    same.inode = stamp.inode;
  }
  return same;
}

void ImageCheck::require_copy(const FileIdentity& expected, const base::UniqueFd& file,
                              const std::filesystem::path& path) const {
  const FileStamp stamp = stamp_of(file, path);
  if (stamp.inode == expected.inode) {
    fail_other(path,
               "file has been written to since ('faasnap snapshot upgrade' takes it as it is if "
               "its content is still the same)");
  }
  if (was_read(stamp)) {
    return;
  }
  const bool same = sample_of(file, stamp.size, path) == expected.sample &&
                    (stamp.modified == expected.modified ||
                     checksum_of(file, stamp.size, path, {}) == expected.checksum);
  if (!same) {
    fail_other(path, "file has another content than the snapshot's image");
  }
  note_read(stamp);
}

FileIdentity ImageCheck::require_content(
    const FileIdentity& expected, const base::UniqueFd& file, const std::filesystem::path& path,
    const std::function<std::unique_ptr<ContentPart>()>& part) const {
  const FileStamp stamp = stamp_of(file, path);
  if (stamp.size != expected.size) {
    fail_other(path, kOtherSize);
  }
  if (!was_read(stamp)) {
    const auto content = part();
    checksum_of(file, stamp.size, path, {}, [&](auto piece) { content->take(piece); });
    content->finish();
    if (stamp_of(file, path) != stamp) {
      fail_other(path, "file has been written to meanwhile");
    }
    note_read(stamp);
  }
  FileIdentity same = expected;
  same.path = path;
  same.modified = stamp.modified;
  same.inode = stamp.inode;
  return same;
}

bool ImageCheck::was_read(const FileStamp& stamp) const {
  const std::lock_guard lock(mutex_);
  return std::ranges::find(same_, stamp) != same_.end();
}

void ImageCheck::note_read(const FileStamp& stamp) const {
  const std::lock_guard lock(mutex_);
  same_.push_back(stamp);
}

}  // namespace faasnap
