// SPDX-License-Identifier: Apache-2.0

#include "run/recording.h"

#include <fmt/format.h>

#include <string_view>

#include "tools/failure.h"

namespace faasnap::cli {

std::string checked_function_name(std::string name) {
  if (!FunctionRecorder::is_function_name(name)) {
    throw tools::UsageError(fmt::format("'{}' is not the name of a function", name));
  }
  return name;
}

RecordingObserver shown_by(Steps& steps, const Interruption& interruption) {
  return {.step = [&steps](std::string_view step) { steps.begin(std::string(step)); },
          .progress = steps.progress(),
          .stop = interruption.token()};
}

}  // namespace faasnap::cli
