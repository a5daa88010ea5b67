// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <stdexcept>
#include <string>

#include <faasnap/error.h>

namespace faasnap::test {

// Runs `action` in a child process, and returns "KIND: TEXT" of the faasnap::Error that it throws,
// or an empty string if it throws none. Before, `prepare` makes of the child what is to be tried;
// returns "unprepared" if it returns false.
inline std::string outcome_in_child(const std::function<bool()>& prepare,
                                    const std::function<void()>& action) {
  int ends[2];
  if (::pipe(ends) != 0) {
    throw std::runtime_error("no pipe");
  }
  const pid_t child = ::fork();
  if (child == 0) {
    std::string result;
    try {
      prepare() ? action() : void(result = "unprepared");
    } catch (const Error& error) {
      result = std::string(to_string(error.kind())) + ": " + error.what();
    }
    const auto size = static_cast<ssize_t>(result.size());
    ::_exit(::write(ends[1], result.data(), result.size()) == size ? 0 : 1);
  }
  ::close(ends[1]);
  std::string result;
  char buffer[512];
  for (ssize_t got = 0; (got = ::read(ends[0], buffer, sizeof(buffer))) > 0;) {
    result.append(buffer, static_cast<std::size_t>(got));
  }
  ::close(ends[0]);
  int status = 0;
  if (::waitpid(child, &status, 0) != child || status != 0) {
    throw std::runtime_error("the child has failed: " + result);
  }
  return result;
}

}  // namespace faasnap::test
