// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "image/file_tree.h"
#include "tools/json.h"

namespace faasnap::cli {

// The guest's file with the configuration of its image.
inline constexpr const char* kConfigPath = "/etc/faasnap/image.json";

// What runs in a guest of an image: the execution parameters of OCI's image specification
// (config.md), and what is ours.
struct ImageConfig {
  std::vector<std::string> entrypoint{};
  std::vector<std::string> command{};
  std::vector<std::string> environment{};
  std::string working_directory{};
  std::string user{};

  std::string name{};
  // "module.function" below /var/task; empty for a program that needs none.
  std::string handler{};
  std::uint64_t concurrency = 1;
  // 0: the platform's own.
  std::uint64_t timeout_ms = 0;
  std::uint64_t memory_mib = 0;

  // The program and its arguments.
  std::vector<std::string> arguments() const;
};

// Changes what the object has keys for. Keys of the specification that say nothing about how the
// program runs are ignored if `foreign`, and errors else. Throws Failure that names `what` and the
// key for a wrong one.
void apply(ImageConfig& config, const tools::Json& object, const std::string& what, bool foreign);

tools::Json to_json(const ImageConfig& config);

// Throws Failure that says what is wrong if the image cannot run here: it has no program; the
// program, or the interpreter or loader that it names, is not in the tree, may not be executed or
// is not for x86-64; the working directory or the user is not there.
void check_runs(const FileTree& tree, const ImageConfig& config);

}  // namespace faasnap::cli
