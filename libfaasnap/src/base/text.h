#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace faasnap::base {

// The start of what a peer sent, fit for a line of text: other than printable ASCII becomes '?'.
std::string printable(std::string_view text, std::size_t most = 64);

}  // namespace faasnap::base
