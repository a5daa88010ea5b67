// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>
#include <vector>

#include <faasnap/compression.h>
#include <faasnap/free_memory.h>
#include <faasnap/setting.h>
#include <faasnap/units.h>

#include "tools/command_line.h"
#include "tools/json.h"
#include "tools/origin.h"

namespace faasnap::cli {

using tools::CommandLine;

// Returns "512M", "2G" or "2GiB" (binary) as bytes. `what` names the option in the UsageError.
Bytes parse_size(const std::string& text, const std::string& what);

// Returns the setting, or the origin, that `text` names. Throws UsageError with a list of them.
Setting parse_setting_option(const std::string& text, const std::string& what);
tools::Origin parse_origin_option(const std::string& text, const std::string& what);

// Throws UsageError that lists the modes.
FreeMemory parse_free_memory_option(const std::string& text, const std::string& what);
Compression parse_compression_option(const std::string& text, const std::string& what);

// Declares --input, an empty object by default.
void add_input_option(CommandLine& line);
// Returns the JSON object that the option --input says, or with @FILE, the file. Throws UsageError.
tools::Json parse_input(const std::string& text);
// Does the same for the option `what`.
tools::Json parse_object(const std::string& text, const std::string& what);
// Does the same for a JSON array of objects.
std::vector<tools::Json> parse_objects(const std::string& text, const std::string& what);

}  // namespace faasnap::cli
