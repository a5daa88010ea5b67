// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <fstream>
#include <memory>
#include <optional>
#include <string>

#include <faasnap/trace.h>

namespace faasnap::cli {

// The destinations of the traces of a command's invocations (docs/reference/tracing.md).
struct TraceTargets {
  // A file, or "http://HOST[:PORT]/PATH": a collector that accepts Zipkin v2 JSON by POST.
  std::optional<std::string> zipkin;
  // A file, for chrome://tracing or ui.perfetto.dev.
  std::optional<std::string> chrome;
};

// Throws UsageError for an invalid URL.
void check(const TraceTargets& targets);

// A file with one JSON array, written element by element.
class JsonArrayFile {
 public:
  // Throws Failure, as the other functions do, if the file cannot be written.
  explicit JsonArrayFile(const std::string& file);
  // Ends the array unless finish() has, so that the elements before a failure can be read.
  ~JsonArrayFile();
  JsonArrayFile(const JsonArrayFile&) = delete;
  JsonArrayFile& operator=(const JsonArrayFile&) = delete;

  // Adds the elements of another array.
  void add(const std::string& array);
  // Ends the array.
  void finish();

 private:
  void end();
  void check();

  std::string file_;
  std::ofstream stream_;
  bool first_ = true;
  bool ended_ = false;
};

class Collector;

// Writes one trace after another to the targets.
class TraceOutput {
 public:
  // Throws Failure if a file cannot be written.
  explicit TraceOutput(const TraceTargets& targets);
  ~TraceOutput();

  // A failing collector does not stop the measurement: it gets no further traces, and finish()
  // reports it.
  void add(const Trace& trace);
  // Throws Failure if a file is incomplete or a collector did not accept every trace.
  void finish();

 private:
  std::optional<JsonArrayFile> zipkin_;
  std::optional<JsonArrayFile> chrome_;
  std::unique_ptr<Collector> collector_;
  std::string collector_failure_;
  std::uint32_t traces_ = 0;
};

}  // namespace faasnap::cli
