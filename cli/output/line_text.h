// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>
#include <string_view>

namespace faasnap::cli {

// Returns untrusted text fit for a line on a terminal: control characters become \xNN.
std::string line_text(std::string_view text);

}  // namespace faasnap::cli
