// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <exception>
#include <string>

namespace faasnap::base {

// Returns the message of an exception of any type: what a caller's function throws may be anything.
std::string describe(const std::exception_ptr& failure);

}  // namespace faasnap::base
