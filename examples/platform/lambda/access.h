// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "auth/gate.h"
#include "http/server.h"

namespace platform::lambda {

// Throws auth::Denied unless the gate lets the request pass. Its body must have been read.
void check_access(const auth::Gate& gate, const httplib::Request& request);

}  // namespace platform::lambda
