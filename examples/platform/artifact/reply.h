// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <httplib.h>

#include <exception>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>

namespace platform::artifact {

using Json = nlohmann::ordered_json;

// A request that does not fit the interface: the status and the body's `code` as the artifact's
// generated server has them. What an operation refuses is any other exception.
class Unfit : public std::runtime_error {
 public:
  Unfit(int status, int code, const std::string& message)
      : std::runtime_error(message), status_(status), code_(code) {}

  int status() const noexcept { return status_; }
  int code() const noexcept { return code_; }

 private:
  int status_;
  int code_;
};

// Declared by the artifact, and not implemented: status 501 with a JSON text.
class NotImplemented : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

void reply(httplib::Response& response, const Json& body);
// Replies with status 200 and no content.
void reply_empty(httplib::Response& response);
// Replies with the artifact's form of the error: Unfit, NotImplemented, or status 400 with the
// message alone.
void reply_error(httplib::Response& response, const std::exception& error);
// Gives a reply that the HTTP library has made the form of Unfit.
void dress_error(const httplib::Request& request, httplib::Response& response);

}  // namespace platform::artifact
