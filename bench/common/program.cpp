#include "common/program.h"

#include <unistd.h>

#include <cstdlib>
#include <cxxopts.hpp>
#include <iostream>

namespace faasnap::bench {

std::string from_environment(const char* name, const char* otherwise) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : otherwise;
}

void show_progress(const std::string& text) {
  if (::isatty(STDERR_FILENO) != 0) {
    std::cerr << "\r\033[K" << text << std::flush;
  }
}

int run_program(const char* program, const std::function<int()>& body) {
  try {
    return body();
  } catch (const cxxopts::exceptions::exception& error) {
    std::cerr << program << ": " << error.what() << '\n';
    return 2;
  } catch (const std::exception& error) {
    std::cerr << program << ": " << error.what() << '\n';
    return 1;
  }
}

}  // namespace faasnap::bench
