// Makes a page of results files, or a summary to be kept, or both.

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
                    .text = "Makes a page, to be opened in a browser, or a summary in small files, "
                            "to be kept, or both,\nof results files as bench programs and `faasnap "
                            "invoke --json` write them.",
                    .example = "bench_report e1.jsonl e2.jsonl -o report.html"});
  line.positional_list("RESULTS");
  line.option("o,output", "FILE", "the page; replaced when it exists");
  line.option("summary", "DIR",
              "where EXPERIMENT.json and the pictures EXPERIMENT*.svg are put; made when it does "
              "not exist");
  line.option("baseline", "SETTING",
              "what ratios refer to (default: cached, or lazy where that is missing)");
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
