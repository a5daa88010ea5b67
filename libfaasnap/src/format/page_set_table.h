// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <faasnap/units.h>

#include "format/page_set_file.h"

namespace faasnap::format {

// The head of a page set file as bytes: the table, padded with zeros to `data_offset`.

// Returns the offset of the data after a table with as many regions, zero runs and blocks.
Bytes page_set_data_offset(const PageSetTable& table) noexcept;

// Returns the size of the whole head. `bytes` is the first page of the file, or all of a shorter
// file.
Bytes page_set_head_size(std::span<const std::byte> bytes, const std::filesystem::path& path);

// Returns why `table` is invalid, or nothing.
std::optional<std::string> defect_of(const PageSetTable& table);

std::vector<std::byte> encode_page_set_table(const PageSetTable& table);

// `bytes` is the head of a file of `file_size` bytes. `path` names the file in messages.
PageSetTable decode_page_set_table(std::span<const std::byte> bytes, Bytes file_size,
                                   const std::filesystem::path& path);

}  // namespace faasnap::format
