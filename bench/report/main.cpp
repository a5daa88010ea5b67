// SPDX-License-Identifier: Apache-2.0

// Makes a report page from results files, or a summary to keep, or both.

#include <fmt/format.h>

#include <filesystem>

#include "harness/program.h"
#include "report/new_files.h"
#include "report/page.h"
#include "report/summary_files.h"

namespace faasnap::bench::report {
namespace {

namespace fs = std::filesystem;

constexpr const char* kProgram = "bench_report";

CommandLine command_line() {
  CommandLine line({.name = kProgram,
                    .synopsis = "RESULTS... [-o FILE] [--summary DIR] [--baseline SETTING]",
                    .text =
                        "Makes a page for a browser, or a summary in small files "
                        "to keep, or both,\nfrom results files of bench programs and of `faasnap "
                        "invoke --json`.",
                    .example = "bench_report e1.jsonl e2.jsonl -o report.html"});
  line.positional_list("RESULTS");
  line.option("o,output", "FILE", "the page, replaced if it exists");
  line.option("summary", "DIR",
              "directory for EXPERIMENT.json and the pictures EXPERIMENT*.svg; created if it does "
              "not exist");
  line.option("baseline", "SETTING",
              "the reference of ratios (default: cached, or lazy if that is missing)");
  return line;
}

int run(const CommandLine& line) {
  const auto output = line.optional_text("output");
  const auto summary = line.optional_text("summary");
  if (!output && !summary) {
    throw UsageError("--output or --summary is missing");
  }
  const std::string baseline = line.optional_text("baseline").value_or("");
  const Results results = read_results(line.texts("RESULTS"));
  for (const std::string& notice : results.notices) {
    fmt::print(stderr, "{}: {}\n", kProgram, notice);
  }
  NewFiles files;
  if (output) {
    files.add(*output, make_page(results, baseline));
  }
  if (summary) {
    files.add_directory(*summary);
    for (const auto& [name, content] : summary_files(results, baseline)) {
      files.add(fs::path(*summary) / name, content);
    }
  }
  files.commit();
  return 0;
}

}  // namespace
}  // namespace faasnap::bench::report

int main(int argc, char** argv) {
  using namespace faasnap::bench;
  return run_program(argc, argv, report::command_line, report::run);
}
