#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace faasnap::base {

// Returns the beginning of text from a peer, fit for a message: '?' replaces all but printable
// ASCII.
std::string printable(std::string_view text, std::size_t most = 64);

}  // namespace faasnap::base
