// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <exception>

#include "base/error.h"
#include "http/server.h"
#include "lambda/configuration.h"

namespace platform::lambda {

void reply(httplib::Response& response, int status, const Json& body);

// Makes the response that tells Lambda's clients of the error.
void reply_error(httplib::Response& response, const std::exception& error);
// One of Lambda's own kinds.
void reply_error(httplib::Response& response, int status, const char* type,
                 const std::string& message);

}  // namespace platform::lambda
