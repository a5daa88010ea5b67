// SPDX-License-Identifier: Apache-2.0

#include "output/trace_output.h"

#include <fmt/format.h>

#include <string_view>

#include "output/collector.h"
#include "tools/failure.h"

namespace faasnap::cli {
namespace {

bool is_url(const std::string& target) { return target.find("://") != std::string::npos; }

}  // namespace

void check(const TraceTargets& targets) {
  if (targets.zipkin && is_url(*targets.zipkin)) {
    Collector{*targets.zipkin};
  }
}

JsonArrayFile::JsonArrayFile(const std::string& file) : file_(file), stream_(file) { check(); }

JsonArrayFile::~JsonArrayFile() {
  if (!ended_) {
    end();
  }
}

void JsonArrayFile::add(const std::string& array) {
  const std::string_view elements = std::string_view(array).substr(1, array.size() - 2);
  stream_ << (first_ ? "[" : ",\n") << elements;
  first_ = false;
  check();
}

void JsonArrayFile::end() {
  ended_ = true;
  stream_ << (first_ ? "[]\n" : "]\n") << std::flush;
}

void JsonArrayFile::finish() {
  end();
  check();
}

void JsonArrayFile::check() {
  if (!stream_) {
    throw tools::Failure(fmt::format("{}: cannot be written", file_));
  }
}

TraceOutput::TraceOutput(const TraceTargets& targets) {
  if (targets.zipkin && is_url(*targets.zipkin)) {
    collector_ = std::make_unique<Collector>(*targets.zipkin);
  } else if (targets.zipkin) {
    zipkin_.emplace(*targets.zipkin);
  }
  if (targets.chrome) {
    chrome_.emplace(*targets.chrome);
  }
}

TraceOutput::~TraceOutput() = default;

void TraceOutput::add(const Trace& trace) {
  if (zipkin_) {
    zipkin_->add(trace.to_zipkin_json());
  }
  if (chrome_) {
    chrome_->add(trace.to_chrome_json(++traces_));
  }
  if (collector_ && collector_failure_.empty()) {
    collector_failure_ = collector_->post(trace.to_zipkin_json());
  }
}

void TraceOutput::finish() {
  if (zipkin_) {
    zipkin_->finish();
  }
  if (chrome_) {
    chrome_->finish();
  }
  if (!collector_failure_.empty()) {
    throw tools::Failure(collector_failure_);
  }
}

}  // namespace faasnap::cli
