#include "harness/program.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>

namespace faasnap::bench {

std::string from_environment(const char* name, const char* otherwise) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : otherwise;
}

std::filesystem::path data_directory() {
  const bool in_lab = std::getenv("FAASNAP_IN_LAB") != nullptr;
  return from_environment("FAASNAP_DATA", in_lab ? "/data" : "/var/tmp");
}

std::filesystem::path images_directory() {
  return from_environment("FAASNAP_IMAGES", FAASNAP_SOURCE_DIR "/build/images");
}

void show_progress(const std::string& text) {
  if (::isatty(STDERR_FILENO) != 0) {
    std::cerr << "\r\033[K" << text << std::flush;
  }
}

int run_program(const char* program, int argc, char** argv, int (*run)(const Arguments&)) {
  try {
    return run({argv + std::min(argc, 1), argv + argc});
  } catch (const UsageError& error) {
    std::cerr << program << ": " << error.what() << '\n';
    return tools::kUsage;
  } catch (const std::exception& error) {
    std::cerr << program << ": " << error.what() << '\n';
    return tools::kFailure;
  }
}

}  // namespace faasnap::bench
