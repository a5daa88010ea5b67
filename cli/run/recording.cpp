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

void add_free_memory_option(CommandLine& line) {
  line.option("free-memory", "MODE",
              "what happens to memory that the guest has freed: report (dropped), zero (zeroed by "
              "the\nguest at a cost to every invocation) or keep (stays in the snapshot); default: "
              "report");
}

FreeMemory free_memory_mode(const CommandLine& line, const Config& config) {
  const auto given = line.optional_text("free-memory");
  return given ? parse_free_memory_option(*given, "--free-memory")
               : config.vm.free_memory.value_or(FreeMemory::report);
}

RecordingObserver shown_by(Steps& steps, const Interruption& interruption) {
  return {.step = [&steps](std::string_view step) { steps.begin(std::string(step)); },
          .progress = steps.progress(),
          .stop = interruption.token()};
}

}  // namespace faasnap::cli
