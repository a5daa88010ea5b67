// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <functional>
#include <string>
#include <thread>

namespace faasnap::base {

// Starts a thread named `name` (at most 15 characters) that blocks every signal, so that the
// caller's signal handlers never run on a thread of the library. `body` must not throw. Throws
// ErrorKind::limit if no thread can be had.
std::thread start_thread(const std::string& name, std::function<void()> body);

}  // namespace faasnap::base
