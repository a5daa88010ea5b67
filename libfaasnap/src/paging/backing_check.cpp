// SPDX-License-Identifier: Apache-2.0

#include "paging/backing_check.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>

#include "base/clock.h"
#include "base/error.h"
#include "memory/image_map.h"

namespace faasnap::paging {
namespace {

constexpr Bytes kProbe{1ULL << 20};
constexpr Nanoseconds kPatience = std::chrono::seconds(1);

// Returns -1 if the size cannot be found out.
off_t size_of(const FileRef& file) noexcept {
  struct stat status {};
  return ::fstat(file.fd->get(), &status) == 0 ? status.st_size : -1;
}

// Returns the time of the last modification, or zero if it cannot be found out.
Nanoseconds written_at(const FileRef& file) noexcept {
  struct stat status {};
  if (::fstat(file.fd->get(), &status) != 0) {
    return Nanoseconds(0);
  }
  return std::chrono::seconds(status.st_mtim.tv_sec) + Nanoseconds(status.st_mtim.tv_nsec);
}

// Reads the data of [offset, end) piece by piece; returns the error of the first read that fails.
std::optional<std::string> probe(const FileRef& file, Bytes offset, Bytes end,
                                 Nanoseconds deadline) {
  std::vector<std::byte> buffer(kProbe.value);
  while (offset < end && base::monotonic_now() < deadline) {
    const off_t data = ::lseek(file.fd->get(), static_cast<off_t>(offset.value), SEEK_DATA);
    if (data < 0 || Bytes{static_cast<std::uint64_t>(data)} >= end) {
      return std::nullopt;  // a hole up to the end
    }
    offset = Bytes{static_cast<std::uint64_t>(data)};
    const std::size_t length = std::min(kProbe.value, (end - offset).value);
    const ssize_t got = base::retry_eintr([&] {
      return ::pread(file.fd->get(), buffer.data(), length, static_cast<off_t>(offset.value));
    });
    if (got < 0) {
      return fmt::format("read {} at byte {}: {}", file.path.string(), offset.value,
                         std::strerror(errno));
    }
    offset += Bytes{got == 0 ? length : static_cast<std::uint64_t>(got)};
  }
  return std::nullopt;
}

}  // namespace

BackingCheck::BackingCheck(const RestorePlan& plan, const SnapshotFiles& files) {
  for (const PlannedRead& read : plan.reads()) {
    need(files.of(read.file, read.layer), read.file_offset, read.length(), false);
  }
  for (const PlannedMapping& mapping : plan.mappings) {
    need(files.of(mapping.backing, mapping.layer), mapping.file_offset, mapping.guest.size(), true);
  }
  if (const HandledFaults* handled = plan.handled()) {
    const memory::ImageMap based(handled->based);
    for (const PageRange& pages : handled->nonzero) {
      based.cut(pages, [&](PageRange part, std::optional<std::uint32_t> layer) {
        need(files.of(Backing::memory_file, layer.value_or(0)), part.first.offset(), part.size(),
             false);
      });
    }
  }
  for (const Needed& needed : needed_) {
    if (const auto reason = shortage(needed)) {
      base::fail(ErrorKind::corrupt, "map guest memory", needed.file.path, *reason);
    }
  }
}

void BackingCheck::need(const FileRef* file, Bytes offset, Bytes length, bool mapped) {
  if (file == nullptr || file->fd == nullptr || !*file->fd) {
    return;  // mapping or reading a missing file fails by itself
  }
  auto found = std::ranges::find_if(
      needed_, [&](const Needed& needed) { return needed.file.fd == file->fd; });
  if (found == needed_.end()) {
    needed_.push_back(
        {.file = *file, .written = written_at(*file), .size = {}, .mapped = false, .extents = {}});
    found = needed_.end() - 1;
  }
  found->size = std::max(found->size, offset + length);
  found->mapped = found->mapped || mapped;
  found->extents.push_back({offset, length});
}

std::optional<std::string> BackingCheck::shortage(const Needed& needed) {
  const off_t size = size_of(needed.file);
  if (size >= 0 && Bytes{static_cast<std::uint64_t>(size)} >= needed.size) {
    return std::nullopt;
  }
  return fmt::format("file has {} bytes, expected {} at least", size, needed.size.value);
}

bool BackingCheck::intact() const noexcept {
  return std::ranges::all_of(needed_, [](const Needed& needed) {
    return !needed.mapped || size_of(needed.file) >= static_cast<off_t>(needed.size.value);
  });
}

void BackingCheck::require_unchanged() const {
  for (const Needed& needed : needed_) {
    if (written_at(needed.file) != needed.written) {
      base::fail(ErrorKind::corrupt, "check guest memory", needed.file.path,
                 "file has been written to since the restore");
    }
  }
}

std::string BackingCheck::diagnose() const {
  for (const Needed& needed : needed_) {
    if (const auto reason = shortage(needed)) {
      return fmt::format("{}: {}", needed.file.path.string(), *reason);
    }
  }
  const Nanoseconds deadline = base::monotonic_now() + kPatience;
  for (const Needed& needed : needed_) {
    for (const auto& extent : needed.extents) {
      if (const auto reason =
              probe(needed.file, extent.offset, extent.offset + extent.length, deadline)) {
        return *reason;
      }
    }
  }
  return {};
}

}  // namespace faasnap::paging
