// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>

namespace faasnap::cli {

// A server that collects spans, such as Zipkin or an OpenTelemetry collector with its Zipkin
// receiver.
class Collector {
 public:
  // `url` is "http://HOST[:PORT]/PATH", an IPv6 address in brackets. Throws UsageError for anything
  // else.
  explicit Collector(const std::string& url);

  // Sends a JSON array of spans, within a few seconds. Returns why it failed, or an empty string.
  std::string post(const std::string& spans) const;

 private:
  std::string url_;
  std::string host_;
  int port_ = 80;
  std::string path_;
};

}  // namespace faasnap::cli
