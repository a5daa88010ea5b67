#pragma once

#include <fstream>
#include <memory>
#include <optional>
#include <string>

#include <faasnap/trace.h>

namespace faasnap::cli {

// Where the traces of a command's invocations go (docs/reference/tracing.md).
struct TraceTargets {
  // A file, or "http://HOST[:PORT]/PATH": a collector that takes Zipkin v2 JSON by POST.
  std::optional<std::string> zipkin;
  // A file, for chrome://tracing or ui.perfetto.dev.
  std::optional<std::string> chrome;
};

// Throws UsageError for a URL that is none.
void check(const TraceTargets& targets);

// One JSON array, written piece by piece.
class JsonArrayFile {
 public:
  // Throws Failure, as the others do, when the file cannot be written.
  explicit JsonArrayFile(const std::string& file);
  // Ends the array unless finish() has, so that what came before a failure can be read.
  ~JsonArrayFile();
  JsonArrayFile(const JsonArrayFile&) = delete;
  JsonArrayFile& operator=(const JsonArrayFile&) = delete;

  // The elements of another array.
  void add(const std::string& array);
  // No more come.
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

// Hands on one trace after another.
class TraceOutput {
 public:
  // Throws Failure for a file that cannot be written.
  explicit TraceOutput(const TraceTargets& targets);
  ~TraceOutput();

  // A collector that fails keeps no invocation from being measured: it is asked no more, and
  // finish() tells.
  void add(const Trace& trace);
  // Throws Failure for a file that is not whole, or a collector that did not take every trace.
  void finish();

 private:
  std::optional<JsonArrayFile> zipkin_;
  std::optional<JsonArrayFile> chrome_;
  std::unique_ptr<Collector> collector_;
  std::string collector_failure_;
  std::uint32_t traces_ = 0;
};

}  // namespace faasnap::cli
