// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>

#include "base/deadline.h"

namespace faasnap::base {

// Waits until poll(2) reports one of `events`, an error or a hang-up of the descriptor, and returns
// what it reports. Throws ErrorKind::timeout with `operation` at the deadline.
short wait_ready(int fd, short events, const Deadline& deadline, const std::string& operation);

}  // namespace faasnap::base
