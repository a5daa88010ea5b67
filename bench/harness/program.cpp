// SPDX-License-Identifier: Apache-2.0

#include "harness/program.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>

#include "tools/accelerator.h"

namespace faasnap::bench {

std::string from_environment(const char* name, const char* otherwise) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : otherwise;
}

std::filesystem::path data_directory() {
  return from_environment("FAASNAP_DATA", tools::in_lab() ? "/data" : "/var/tmp");
}

std::filesystem::path images_directory() {
  return from_environment("FAASNAP_IMAGES", FAASNAP_SOURCE_DIR "/build/images");
}

void show_progress(const std::string& text) {
  if (::isatty(STDERR_FILENO) != 0) {
    std::cerr << "\r\033[K" << text << std::flush;
  }
}

int run_program(int argc, char** argv, CommandLine (*declare)(), int (*run)(const CommandLine&)) {
  CommandLine line = declare();
  const auto fail = [&](const std::exception& error, int status) {
    std::cerr << line.name() << ": " << error.what() << '\n';
    return status;
  };
  try {
    return line.parse({argv + std::min(argc, 1), argv + argc}) ? run(line) : tools::kSuccess;
  } catch (const UsageError& error) {
    return fail(error, tools::kUsage);
  } catch (const std::exception& error) {
    return fail(error, tools::kFailure);
  }
}

}  // namespace faasnap::bench
