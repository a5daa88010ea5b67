// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include <faasnap/progress.h>
#include <faasnap/units.h>

#include "base/files/fd.h"

namespace faasnap::base {

// Opening and reading of whole files. Every function throws a faasnap::Error that names the file.

// Calls open(2) with O_CLOEXEC added. With O_CREAT the file is this user's alone (0600): nearly
// every file of the library holds a guest's data.
UniqueFd open_file(const std::filesystem::path& path, int flags);

// Opens `path` for reading, with `flags` added, and checks that it is a regular file.
UniqueFd open_regular(const std::filesystem::path& path, int flags = 0);

// A file that is open for reading, and its name for messages. Empty: there is none.
struct OpenFile {
  UniqueFd fd{};
  std::filesystem::path path{};

  explicit operator bool() const noexcept { return static_cast<bool>(fd); }
};

// Opens `path` for reading and checks that it is a regular file. No file has an empty path.
OpenFile open_if_named(const std::filesystem::path& path);

Bytes file_size(const UniqueFd& fd, const std::filesystem::path& path);

// Fills `out` from `offset`. Throws ErrorKind::corrupt if the file ends earlier.
void read_exact(const UniqueFd& fd, std::span<std::byte> out, std::uint64_t offset,
                const std::filesystem::path& path);

// Asks the kernel to start reading `size` bytes from `offset`, so that a later read waits less.
void read_ahead(const UniqueFd& fd, std::uint64_t offset, Bytes size,
                const std::filesystem::path& path);

void write_exact(const UniqueFd& fd, std::span<const std::byte> data, std::uint64_t offset,
                 const std::filesystem::path& path);

// Returns the whole file. Throws ErrorKind::corrupt if it is larger than `limit`.
std::vector<std::byte> read_file(const std::filesystem::path& path, Bytes limit);

// Does the same with an open file; `path` is for messages.
std::vector<std::byte> read_file(const UniqueFd& fd, const std::filesystem::path& path,
                                 Bytes limit);

// Copies all of `source` into the empty file `target`, holes as holes. The files share blocks if
// the file system supports it. The paths are for messages.
void copy_sparse(const UniqueFd& source, const std::filesystem::path& source_path,
                 const UniqueFd& target, const std::filesystem::path& target_path,
                 const Progress& progress = {});

// Creates the file, which must not exist, writes it and calls fsync. Removes it if that fails.
void write_new_file(const std::filesystem::path& path, std::span<const std::byte> data);

// Makes a file without a name in `directory`, for reading and writing, which ends with its last
// descriptor: one hole of `size`.
UniqueFd make_unnamed_file(const std::filesystem::path& directory, Bytes size);

// Makes `path` and the directories that it needs, where they are missing, for this user alone
// (0700).
void make_directories(const std::filesystem::path& path);

void sync_directory(const std::filesystem::path& path);

}  // namespace faasnap::base
