// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>

namespace platform::artifact {

// Returns the parameters of one of the artifact's functions under the names, and as the numbers,
// that this project's function of that name takes (docs/guide/guest-image.md). What it does not
// take is left out: where results are stored, for example. Parameters that have none of the
// artifact's names, and those of other functions, are returned as they are. `params` is JSON.
std::string translate_parameters(const std::string& function, const std::string& params);

}  // namespace platform::artifact
