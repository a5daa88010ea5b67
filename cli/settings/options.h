#pragma once

#include <string>

#include <faasnap/restore_options.h>
#include <faasnap/units.h>

#include "tools/command_line.h"

namespace faasnap::cli {

using tools::CommandLine;

// Returns "512M", "2G" or "2GiB" (binary) as bytes. `what` names the option in the UsageError.
Bytes parse_size(const std::string& text, const std::string& what);

// Throws UsageError with a list of the settings.
Setting parse_setting_option(const std::string& text, const std::string& what);

}  // namespace faasnap::cli
