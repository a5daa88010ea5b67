// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "tools/command_line.h"

namespace faasnap::cli {

// The commands. Each parses its own arguments (those after its name), does its work and returns the
// exit status. Throws UsageError, Failure, Interrupted and faasnap::Error.
using tools::Arguments;

int run_base(const Arguments& arguments);
int run_boot(const Arguments& arguments);
int run_doctor(const Arguments& arguments);
int run_image(const Arguments& arguments);
int run_inspect(const Arguments& arguments);
int run_invoke(const Arguments& arguments);
int run_lab(const Arguments& arguments);
int run_record(const Arguments& arguments);
int run_snapshot(const Arguments& arguments);
int run_store(const Arguments& arguments);
int run_verify(const Arguments& arguments);

}  // namespace faasnap::cli
