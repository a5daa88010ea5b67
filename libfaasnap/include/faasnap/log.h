#pragma once

#include <functional>
#include <string_view>

namespace faasnap {

enum class LogLevel { debug, info, warning, error };

// Where the library's diagnostics go: the caller's own function, called from any thread of the
// library, never after the object that it was given to is destroyed. Empty: they are dropped.
using LogSink = std::function<void(LogLevel, std::string_view)>;

}  // namespace faasnap
