// SPDX-License-Identifier: Apache-2.0

#include "options.h"

#include <fmt/format.h>
#include <cxxopts.hpp>

#include <faasnap/version.h>

#include "base/error.h"

namespace platform {
namespace {

constexpr const char* kDefaultConfig = "/etc/faasnap-platform.toml";

}  // namespace

std::optional<Options> parse_options(int argc, char** argv) {
  cxxopts::Options known("faasnap-platform",
                         "Serves functions from microVM snapshots: AWS Lambda's interface, "
                         "metrics, a page to look at.\n"
                         "example: faasnap-platform --config platform.toml\n");
  auto add = known.add_options();
  add("config", "the settings file (docs/guide/platform.md)",
      cxxopts::value<std::string>()->default_value(kDefaultConfig), "FILE");
  add("without-kvm", "also start where no VM can run: invocations then fail");
  add("version", "print the version");
  add("h,help", "print this text");
  try {
    const auto given = known.parse(argc, argv);
    if (given.count("help") != 0) {
      fmt::print("{}", known.help());
      return std::nullopt;
    }
    if (given.count("version") != 0) {
      fmt::print("faasnap-platform {}.{}.{}\n", faasnap::kMajorVersion, faasnap::kMinorVersion,
                 faasnap::kPatchVersion);
      return std::nullopt;
    }
    if (!given.unmatched().empty()) {
      throw UsageError(fmt::format("unexpected argument '{}'", given.unmatched().front()));
    }
    return Options{given["config"].as<std::string>(), given.count("without-kvm") != 0};
  } catch (const cxxopts::exceptions::exception& error) {
    throw UsageError(error.what());
  }
}

}  // namespace platform
