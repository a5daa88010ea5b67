#pragma once

#include <functional>
#include <string>

namespace faasnap::bench {

// What every bench program does around its measurement.

// The environment's value of `name`, or `otherwise` where it has none.
std::string from_environment(const char* name, const char* otherwise);

// Replaces the line on a terminal; nothing in a pipe.
void show_progress(const std::string& text);

// Runs `body` and returns the program's exit status: what body returned, 2 for wrong usage and 1
// for a failure, both told in one line that begins with `program`.
int run_program(const char* program, const std::function<int()>& body);

}  // namespace faasnap::bench
