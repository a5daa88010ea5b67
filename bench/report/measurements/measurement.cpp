// SPDX-License-Identifier: Apache-2.0

#include "report/measurements/measurement.h"

#include <fmt/format.h>

#include <cmath>
#include <stdexcept>

namespace faasnap::bench::report {
namespace {

[[noreturn]] void reject(const char* field, const char* expected) {
  throw std::invalid_argument(fmt::format("'{}': expected {}", field, expected));
}

const tools::Json* find(const tools::Json& line, const char* field) {
  const auto found = line.find(field);
  return found == line.end() || found->is_null() ? nullptr : &*found;
}

// Larger than any time or size; sums and ratios of numbers up to it are finite.
constexpr double kMostPlausible = 1e18;

double as_number(const tools::Json& value, const char* field) {
  if (!value.is_number() || !(value.get<double>() >= 0 && value.get<double>() <= kMostPlausible)) {
    reject(field, "a number from 0 to 1e18");
  }
  return value.get<double>();
}

std::optional<double> optional_number(const tools::Json& line, const char* field) {
  const tools::Json* value = find(line, field);
  return value != nullptr ? std::optional(as_number(*value, field)) : std::nullopt;
}

double number(const tools::Json& line, const char* field) {
  const auto value = optional_number(line, field);
  if (!value) {
    reject(field, "a number");
  }
  return *value;
}

std::optional<std::uint64_t> optional_count(const tools::Json& line, const char* field) {
  const tools::Json* value = find(line, field);
  if (value == nullptr) {
    return std::nullopt;
  }
  if (!value->is_number_unsigned()) {
    reject(field, "a whole number");
  }
  return value->get<std::uint64_t>();
}

std::string text(const tools::Json& line, const char* field, const char* otherwise = "") {
  const tools::Json* value = find(line, field);
  if (value != nullptr && !value->is_string()) {
    reject(field, "text");
  }
  return value != nullptr ? value->get<std::string>() : otherwise;
}

bool boolean(const tools::Json& line, const char* field, bool otherwise) {
  const tools::Json* value = find(line, field);
  if (value != nullptr && !value->is_boolean()) {
    reject(field, "true or false");
  }
  return value != nullptr ? value->get<bool>() : otherwise;
}

const tools::Json& array(const tools::Json& line, const char* field) {
  static const tools::Json kNone = tools::Json::array();
  const tools::Json* value = find(line, field);
  if (value != nullptr && !value->is_array()) {
    reject(field, "an array");
  }
  return value != nullptr ? *value : kNone;
}

SpanOfTime parse_span(const tools::Json& value) {
  const tools::Json* start = value.is_object() ? find(value, "start_ns") : nullptr;
  if (start == nullptr || !start->is_number() || !std::isfinite(start->get<double>())) {
    reject("spans", "an array of spans with name, start_ns and duration_ns");
  }
  SpanOfTime span{text(value, "name"), start->get<double>(), number(value, "duration_ns"), {}};
  if (const tools::Json* tags = find(value, "tags"); tags != nullptr && tags->is_object()) {
    for (const auto& [key, tag] : tags->items()) {
      span.tags[key] = tag.is_string() ? tag.get<std::string>() : tools::to_text(tag);
    }
  }
  return span;
}

std::vector<FaultBucket> parse_buckets(const tools::Json& line, const char* field) {
  std::vector<FaultBucket> buckets;
  for (const tools::Json& value : array(line, field)) {
    if (!value.is_array() || value.size() != 3) {
      reject(field, "an array of [from_ns, to_ns, count]");
    }
    buckets.push_back(
        {as_number(value[0], field), as_number(value[1], field), as_number(value[2], field)});
  }
  return buckets;
}

void parse_place(const tools::Json& line, Measurement& into) {
  into.experiment = text(line, "experiment", "invocations");
  into.function = text(line, "function", "unnamed");
  into.setting = text(line, "setting", "unnamed");
  into.prepared = boolean(line, "prepared", false);
  into.merge_gap = optional_count(line, "merge_gap");
  into.input_name = text(line, "input_name");
  into.input_size = optional_number(line, "input_size");
  into.disk = text(line, "disk");
  into.compute_ms = optional_number(line, "compute_ms");
  into.parallelism = optional_count(line, "parallelism").value_or(1);
  into.same = boolean(line, "same", true);
  into.instance = optional_count(line, "instance").value_or(0);
  into.repeat = optional_count(line, "repeat");
}

void parse_figures(const tools::Json& line, Measurement& into) {
  into.total = number(line, "total_ns");
  into.setup = optional_number(line, "setup_ns").value_or(0);
  into.invoke = optional_number(line, "invoke_ns").value_or(into.total - into.setup);
  for (std::size_t i = 0; i < kAmounts; ++i) {
    into.amounts[static_cast<Amount>(i)] = optional_number(line, kAmountFields[i]);
  }
  into.accelerator = text(line, "accelerator");
  for (const tools::Json& span : array(line, "spans")) {
    into.spans.push_back(parse_span(span));
  }
  into.fault_buckets = parse_buckets(line, "fault_buckets");
  into.async_fault_buckets = parse_buckets(line, "async_fault_buckets");
}

}  // namespace

std::string setting_label(const Measurement& measurement) {
  std::string label = measurement.setting;
  if (measurement.merge_gap) {
    label += fmt::format(" gap {}", *measurement.merge_gap);
  }
  if (measurement.prepared) {
    label += " prepared";
  }
  return label;
}

std::string subject(const Measurement& measurement) {
  std::string text = measurement.function;
  if (!measurement.disk.empty()) {
    text += ", " + measurement.disk;
  }
  if (measurement.compute_ms) {
    text += fmt::format(", {:g} ms of compute", *measurement.compute_ms);
  }
  return text;
}

std::string full_subject(const Measurement& measurement) {
  std::string text = subject(measurement);
  if (!measurement.input_name.empty()) {
    text += ", " + measurement.input_name;
  }
  if (measurement.parallelism > 1 || !measurement.same) {
    text += fmt::format(", {} from {}", measurement.parallelism,
                        measurement.same ? "one snapshot" : "copies");
  }
  return text;
}

Measurement parse_measurement(const tools::Json& line) {
  Measurement measurement;
  parse_place(line, measurement);
  measurement.failed = boolean(line, "failed", false);
  if (measurement.failed) {
    measurement.error = text(line, "error", "no reason given");
  } else {
    parse_figures(line, measurement);
  }
  return measurement;
}

}  // namespace faasnap::bench::report
