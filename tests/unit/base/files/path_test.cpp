// SPDX-License-Identifier: Apache-2.0

#include "base/files/path.h"

#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>

#include "support/support.h"

namespace faasnap::base {
namespace {

TEST_CASE("a relative path begins in the current directory") {
  CHECK(absolute_path("a/b") == std::filesystem::current_path() / "a/b");
  CHECK(absolute_path("/a/b") == "/a/b");
}

// In a child, since the current directory belongs to all of a process.
TEST_CASE("a relative path in a directory that is gone is an error of the library") {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    char name[] = "/tmp/faasnap-path-XXXXXX";
    bool named = false;
    if (::mkdtemp(name) != nullptr && ::chdir(name) == 0 && ::rmdir(name) == 0) {
      try {
        absolute_path("a");
      } catch (const Error& error) {
        named = error.kind() == ErrorKind::not_found && error.path() == "a";
      } catch (...) {
      }
    }
    ::_exit(named ? 0 : 1);
  }
  int status = -1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
}

}  // namespace
}  // namespace faasnap::base
