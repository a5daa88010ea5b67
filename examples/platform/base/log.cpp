// SPDX-License-Identifier: Apache-2.0

#include "base/log.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <string>

namespace platform {

void log(LogLevel level, std::string_view text) {
  // sd-daemon(3): "<3>" is an error, "<4>" a warning, "<6>" information.
  const int priority = level == LogLevel::error ? 3 : level == LogLevel::warning ? 4 : 6;
  std::string line = fmt::format("<{}>faasnap-platform: {}", priority, text);
  std::ranges::replace(line, '\n', ' ');
  line += '\n';
  // One write, so that lines of several threads do not mix. There is nobody to tell of a failure.
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace platform
