// SPDX-License-Identifier: Apache-2.0

#include "base/error.h"

#include <sys/mman.h>
#include <sys/resource.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cerrno>
#include <fstream>
#include <string>
#include <vector>

#include <faasnap/units.h>

#include "support/support.h"

namespace faasnap::base {
namespace {

using test::error_of;

TEST_CASE("an error's text is one line: operation, path, reason") {
  const Error error = error_of([] { fail(ErrorKind::corrupt, "read", "dir/f", "is damaged"); });
  CHECK(std::string(error.what()) == "read: dir/f: is damaged");
  CHECK(error.kind() == ErrorKind::corrupt);
  CHECK(error.operation() == "read");
  CHECK(error.path() == "dir/f");
  CHECK(error.error_number() == 0);
  CHECK(std::string(error_of([] { fail(ErrorKind::guest, "run", {}, "no"); }).what()) == "run: no");
}

TEST_CASE("the kind of a failed system call follows from its errno") {
  const auto kind = [](int number) {
    return error_of([&] { fail_errno("call", "f", number); }).kind();
  };
  CHECK(kind(ENOENT) == ErrorKind::not_found);
  CHECK(kind(EEXIST) == ErrorKind::already_exists);
  CHECK(kind(EACCES) == ErrorKind::permission);
  CHECK(kind(ENOSPC) == ErrorKind::no_space);
  CHECK(kind(EDQUOT) == ErrorKind::no_space);
  CHECK(kind(EIO) == ErrorKind::io);
  CHECK(kind(ENOSYS) == ErrorKind::unsupported);
  CHECK(kind(ENOMEM) == ErrorKind::limit);
  CHECK(kind(EMFILE) == ErrorKind::limit);
  CHECK(kind(EPIPE) == ErrorKind::internal);
  errno = EPERM;
  const Error error = error_of([] { fail_errno("call"); });
  CHECK(error.kind() == ErrorKind::permission);
  CHECK(error.error_number() == EPERM);
}

TEST_CASE("the error of a limit names the limit, its value and the remedy") {
  const auto text = [](int number) {
    return std::string(error_of([&] { fail_errno("call", "f", number); }).what());
  };
  rlimit limit{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &limit) == 0);
  CHECK(text(EMFILE) == "call: f: Too many open files: the process may have " +
                            std::to_string(limit.rlim_cur) +
                            " descriptors (RLIMIT_NOFILE); raise it, for example with ulimit -n");
  CHECK(text(ENFILE).find("raise sysctl fs.file-max") != std::string::npos);
  CHECK(text(ENOMEM).starts_with("call: f: Cannot allocate memory: the "));
}

TEST_CASE("the error of a process with too many mappings names vm.max_map_count") {
#ifdef FAASNAP_SANITIZED
  SKIP("a sanitizer's allocator needs mappings of its own");
#endif
  std::ifstream file("/proc/sys/vm/max_map_count");
  std::size_t allowed = 0;
  if (!(file >> allowed) || allowed > (1U << 20)) {
    SKIP("vm.max_map_count cannot be read, or is too large to be reached");
  }
  // Pages with protections in turn are a mapping each.
  const std::size_t size = (allowed + 64) * kPageSize;
  void* const area =
      ::mmap(nullptr, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  REQUIRE(area != MAP_FAILED);
  int failed = 0;
  for (std::size_t page = 0; page < allowed + 64 && failed == 0; page += 2) {
    std::byte* const start = static_cast<std::byte*>(area) + page * kPageSize;
    failed = ::mprotect(start, kPageSize, PROT_READ) == 0 ? 0 : errno;
  }
  std::string text;
  if (failed != 0) {
    text = error_of([&] { fail_errno("map", {}, failed); }).what();
  }
  REQUIRE(::munmap(area, size) == 0);
  CHECK(failed == ENOMEM);
  CHECK(text.find("mappings of " + std::to_string(allowed) + "; raise sysctl vm.max_map_count") !=
        std::string::npos);
}

TEST_CASE("a system call that a signal interrupts is called again") {
  int calls = 0;
  const int result = retry_eintr([&] {
    errno = EINTR;
    return ++calls < 3 ? -1 : 7;
  });
  CHECK(result == 7);
  CHECK(calls == 3);
  const int failed = retry_eintr([&] {
    errno = EIO;
    return -1;
  });
  CHECK(failed == -1);
}

TEST_CASE("every kind has a word of its own") {
  std::vector<std::string> words;
  for (int kind = 0; kind <= static_cast<int>(ErrorKind::internal); ++kind) {
    words.emplace_back(to_string(static_cast<ErrorKind>(kind)));
    CHECK(words.back() != "unknown");
  }
  std::sort(words.begin(), words.end());
  CHECK(std::adjacent_find(words.begin(), words.end()) == words.end());
}

}  // namespace
}  // namespace faasnap::base
