// SPDX-License-Identifier: Apache-2.0

#include "lambda/reply.h"

namespace platform::lambda {
namespace {

struct Kind {
  int status;
  const char* type;
};

Kind kind_of(Refusal refusal) {
  switch (refusal) {
    case Refusal::invalid:
      return {400, "InvalidParameterValueException"};
    case Refusal::not_found:
      return {404, "ResourceNotFoundException"};
    case Refusal::conflict:
      return {409, "ResourceConflictException"};
    case Refusal::too_large:
      return {413, "RequestTooLargeException"};
    case Refusal::throttled:
      return {429, "TooManyRequestsException"};
    case Refusal::store_lost:
      return {503, "ServiceUnavailableException"};
    case Refusal::unavailable:
      break;
  }
  return {500, "ServiceException"};
}

}  // namespace

void reply(httplib::Response& response, int status, const Json& body) {
  response.status = status;
  response.set_content(body.dump(-1, ' ', false, Json::error_handler_t::replace),
                       "application/json");
}

void reply_error(httplib::Response& response, const std::exception& error) {
  if (const auto* throttled = dynamic_cast<const Throttled*>(&error)) {
    response.set_header("Retry-After", std::to_string(throttled->retry_after().count()));
  }
  const auto* known = dynamic_cast<const RequestError*>(&error);
  const Kind kind = kind_of(known == nullptr ? Refusal::unavailable : known->refusal());
  reply_error(response, kind.status, kind.type, error.what());
}

void reply_error(httplib::Response& response, int status, const char* type,
                 const std::string& message) {
  response.set_header("x-amzn-ErrorType", type);
  reply(response, status,
        {{"Type", status < 500 ? "User" : "Service"}, {"Message", message}, {"message", message}});
}

}  // namespace platform::lambda
