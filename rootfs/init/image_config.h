// SPDX-License-Identifier: Apache-2.0

#ifndef FAASNAP_INIT_IMAGE_CONFIG_H_
#define FAASNAP_INIT_IMAGE_CONFIG_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace faasnap::init {

// What an image says about itself: members of the OCI image specification's config object, and
// those of "Faasnap". docs/guide/guest-agent.md describes them.
struct ImageConfig {
  // Entrypoint and Cmd, one after the other.
  std::vector<std::string> command;
  // NAME=VALUE.
  std::vector<std::string> environment;
  std::string working_directory = "/";
  // uid[:gid] or name[:group]; empty for the agent's own.
  std::string user;

  // Name of the function; empty if the image has several and the process tells them apart.
  std::string name;
  std::string handler;
  // Number of invocations that the process runs at the same time.
  unsigned concurrency = 1;
  // Longest time of an invocation; 0 for no limit.
  std::uint64_t timeout_ms = 0;
  // Most memory of a process of the function; 0 for no limit.
  std::uint64_t memory_mib = 0;
};

// Returns nothing if `text` is not such an object, and then says in `error` what was expected.
std::optional<ImageConfig> parse_image_config(std::string_view text, std::string& error);

// Reads the file. Ends the program, naming it, if that fails.
ImageConfig read_image_config(const std::string& path);

}  // namespace faasnap::init

#endif  // FAASNAP_INIT_IMAGE_CONFIG_H_
