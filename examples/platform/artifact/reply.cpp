// SPDX-License-Identifier: Apache-2.0

#include "artifact/reply.h"

#include <fmt/format.h>

namespace platform::artifact {
namespace {

void send(httplib::Response& response, int status, const Json& body) {
  response.status = status;
  response.set_content(body.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n",
                       "application/json");
}

}  // namespace

void reply(httplib::Response& response, const Json& body) { send(response, 200, body); }

void reply_empty(httplib::Response& response) { response.status = 200; }

void reply_error(httplib::Response& response, const std::exception& error) {
  if (const auto* unfit = dynamic_cast<const Unfit*>(&error)) {
    send(response, unfit->status(), {{"code", unfit->code()}, {"message", unfit->what()}});
  } else if (dynamic_cast<const NotImplemented*>(&error) != nullptr) {
    send(response, 501, error.what());
  } else {
    send(response, 400, {{"message", error.what()}});
  }
}

void dress_error(const httplib::Request& request, httplib::Response& response) {
  if (response.body.empty()) {
    const int status = response.status;
    send(response, status,
         {{"code", status},
          {"message",
           fmt::format("{:.64} {:.200}: HTTP status {}", request.method, request.path, status)}});
  }
}

}  // namespace platform::artifact
