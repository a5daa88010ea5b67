// SPDX-License-Identifier: Apache-2.0

#include "output/collector.h"

#include <fmt/format.h>
#include <httplib.h>

#include <regex>

#include "tools/failure.h"

namespace faasnap::cli {
namespace {

constexpr time_t kTimeoutSeconds = 5;

}  // namespace

Collector::Collector(const std::string& url) : url_(url) {
  static const std::regex kUrl(
      R"(http://(\[[0-9A-Fa-f:.]+\]|[^/:?#\[\]@\s]+)(?::(\d{1,5}))?(/\S*)?)");
  std::smatch parts;
  if (!std::regex_match(url_, parts, kUrl)) {
    throw tools::UsageError(
        fmt::format("--trace {}: expected http://HOST:PORT/api/v2/spans or a file", url_));
  }
  host_ = parts[1];
  if (host_.front() == '[') {
    host_ = host_.substr(1, host_.size() - 2);
  }
  port_ = parts[2].matched ? std::stoi(parts[2]) : port_;
  path_ = parts[3].matched ? parts[3].str() : "/";
  if (port_ < 1 || port_ > 65535) {
    throw tools::UsageError(fmt::format("--trace {}: invalid port {}", url_, port_));
  }
}

std::string Collector::post(const std::string& spans) const {
  httplib::Client client(host_, port_);
  client.set_connection_timeout(kTimeoutSeconds);
  client.set_read_timeout(kTimeoutSeconds);
  client.set_write_timeout(kTimeoutSeconds);
  const auto answer = client.Post(path_, spans, "application/json");
  if (!answer) {
    return fmt::format("{}: did not accept the trace: {}", url_,
                       httplib::to_string(answer.error()));
  }
  if (answer->status < 200 || answer->status >= 300) {
    return fmt::format("{}: did not accept the trace: status {}", url_, answer->status);
  }
  return {};
}

}  // namespace faasnap::cli
