// SPDX-License-Identifier: Apache-2.0

#include "base/error.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <string>
#include <vector>

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
  CHECK(kind(ENOMEM) == ErrorKind::internal);
  errno = EPERM;
  const Error error = error_of([] { fail_errno("call"); });
  CHECK(error.kind() == ErrorKind::permission);
  CHECK(error.error_number() == EPERM);
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
