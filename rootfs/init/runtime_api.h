// SPDX-License-Identifier: Apache-2.0

#ifndef FAASNAP_INIT_RUNTIME_API_H_
#define FAASNAP_INIT_RUNTIME_API_H_

#include <string>
#include <string_view>

#include "function.h"
#include "http_server.h"

namespace faasnap::init {

// What the process of a function asks for and answers: the AWS Lambda Runtime API, version
// 2018-06-01, with SnapStart's restore/next and restore/error.
class RuntimeApi : public HttpHandler {
 public:
  explicit RuntimeApi(Function& function) : function_(function) {}

  HttpRequestParser::BodySink body_sink(HttpConnection& connection,
                                        const HttpRequest& request) override;
  void on_request(HttpConnection& connection, HttpRequest& request) override;
  HttpReply refuse(const HttpRequest& request, int status, const std::string& reason) override;

 private:
  void on_outcome(HttpConnection& connection, HttpRequest& request);
  void on_piece(HttpConnection& connection, const std::string& id, std::string_view piece);

  Function& function_;
};

}  // namespace faasnap::init

#endif  // FAASNAP_INIT_RUNTIME_API_H_
