// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <filesystem>
#include <optional>

namespace platform {

struct Options {
  std::filesystem::path config{};
  // Serve everything but invocations where no VM can run.
  bool without_kvm = false;
};

// Returns nothing after it has printed what was asked for (--help, --version). Throws UsageError.
std::optional<Options> parse_options(int argc, char** argv);

}  // namespace platform
