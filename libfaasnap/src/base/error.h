// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <faasnap/error.h>

#include <cerrno>
#include <filesystem>
#include <string>

namespace faasnap::base {

// The funnel through which every faasnap::Error is thrown.

[[noreturn]] void fail(ErrorKind kind, std::string operation, const std::filesystem::path& path,
                       const std::string& reason);

// Does the same for a failed system call: the kind follows from `error_number`. If a limit is
// reached (EMFILE, ENFILE, ENOMEM), the reason names it, its value and the remedy.
// Where /proc is not mounted, a file that is missing there is ErrorKind::unsupported.
[[noreturn]] void fail_errno(std::string operation, const std::filesystem::path& path,
                             int error_number);

// Reads errno, so it must be called directly after the failed system call.
[[noreturn]] void fail_errno(std::string operation, const std::filesystem::path& path = {});

// Repeats a system call while a signal interrupts it.
template <typename Call>
auto retry_eintr(Call call) noexcept(noexcept(call())) {
  decltype(call()) result;
  do {
    result = call();
  } while (result == -1 && errno == EINTR);
  return result;
}

}  // namespace faasnap::base
