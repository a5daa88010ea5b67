// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>

#include "image/file_tree.h"
#include "image/image_config.h"

namespace faasnap::cli {

// Where a function's own files lie in a guest: LAMBDA_TASK_ROOT of AWS Lambda.
inline constexpr const char* kTaskRoot = "/var/task";

// Puts a function's files below kTaskRoot: root's, readable for everyone, executable if somebody
// might execute them, so that the umask of whoever packed them does not matter. Throws Failure for
// a symbolic link that leads out of the function.
void put_function(const FileTree& function, FileTree& tree);

// Completes the configuration for a function on a base. The base's entry point stays, and gets the
// handler as its argument; without one, the function's bootstrap runs, or else the guest's own
// runtime for Python. Throws Failure if there is no handler, or what it names is not there.
void configure_function(const FileTree& tree, ImageConfig& config);

// Returns the handler of a function that is one Python file, by the names that handlers commonly
// have, or an empty string.
std::string usual_handler(const std::string& file, const std::string& python);

}  // namespace faasnap::cli
