// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <thread>

namespace faasnap::base {

// Starts a thread named `name` (at most 15 characters) that blocks every signal, so that the
// caller's signal handlers never run on a thread of the library. `body` must not throw. Throws
// ErrorKind::limit if no thread can be had.
std::thread start_thread(const std::string& name, std::function<void()> body);

// Calls `prepare` with the name of each thread that is started from now on, on that thread and
// before it does anything else. For a program that is alone in its process; must be called before
// there are threads.
void prepare_threads(std::function<void(std::string_view name)> prepare);

}  // namespace faasnap::base
