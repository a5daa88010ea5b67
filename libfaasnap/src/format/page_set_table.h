#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <faasnap/units.h>

#include "format/page_set_file.h"

namespace faasnap::format {

// The head of a loading-set file as bytes: the table, padded with zeros to `data_offset`.

// Where the data begins behind a table of so many regions and zero runs.
Bytes page_set_data_offset(std::string_view snapshot_id, std::size_t regions,
                           std::size_t zero_runs) noexcept;

// How many bytes to read for the whole head; `bytes` is the first page of the file, or all of a
// shorter one.
Bytes page_set_head_size(std::span<const std::byte> bytes, const std::filesystem::path& path);

// What makes `table` no loading set; nothing when it is one.
std::optional<std::string> defect_of(const PageSetTable& table);

std::vector<std::byte> encode_page_set_table(const PageSetTable& table);

// `bytes` is the head of a file of `file_size`. `path` is for messages.
PageSetTable decode_page_set_table(std::span<const std::byte> bytes, Bytes file_size,
                                   const std::filesystem::path& path);

}  // namespace faasnap::format
