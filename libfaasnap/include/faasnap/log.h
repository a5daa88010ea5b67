// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <functional>
#include <string_view>

namespace faasnap {

enum class LogLevel { debug, info, warning, error };

// The caller's function that receives the library's diagnostics. It may be called from any thread
// of the library, but never after the object that holds it is destroyed. Empty: diagnostics are
// dropped.
using LogSink = std::function<void(LogLevel, std::string_view)>;

}  // namespace faasnap
