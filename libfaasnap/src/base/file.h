#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include <faasnap/progress.h>
#include <faasnap/units.h>

#include "base/fd.h"

namespace faasnap::base {

// Files opened and read whole, with errors that name them. Every function throws faasnap::Error.

// open(2) with O_CLOEXEC added; `mode` matters for O_CREAT only.
UniqueFd open_file(const std::filesystem::path& path, int flags, unsigned mode = 0644);

// As open_file for reading, and checks that it is a regular file.
UniqueFd open_regular(const std::filesystem::path& path);

Bytes file_size(const UniqueFd& fd, const std::filesystem::path& path);

// Fills `out` from `offset`; a file that ends earlier is ErrorKind::corrupt.
void read_exact(const UniqueFd& fd, std::span<std::byte> out, std::uint64_t offset,
                const std::filesystem::path& path);

// Asks the kernel to start reading `size` bytes from `offset`, so that a later read waits less.
void read_ahead(const UniqueFd& fd, std::uint64_t offset, Bytes size,
                const std::filesystem::path& path);

void write_exact(const UniqueFd& fd, std::span<const std::byte> data, std::uint64_t offset,
                 const std::filesystem::path& path);

// The whole file; one larger than `limit` is ErrorKind::corrupt.
std::vector<std::byte> read_file(const std::filesystem::path& path, Bytes limit);

// The same of an open file; `path` is for messages.
std::vector<std::byte> read_file(const UniqueFd& fd, const std::filesystem::path& path,
                                 Bytes limit);

// Copies all of `source` into the empty file `target`, holes as holes; the two share their blocks
// where the file system can do that. The paths are for messages.
void copy_sparse(const UniqueFd& source, const std::filesystem::path& source_path,
                 const UniqueFd& target, const std::filesystem::path& target_path,
                 const Progress& progress = {});

// Creates the file (it must not exist), writes it and fsyncs it. Nothing is left when that fails.
void write_new_file(const std::filesystem::path& path, std::span<const std::byte> data);

void sync_directory(const std::filesystem::path& path);

}  // namespace faasnap::base
