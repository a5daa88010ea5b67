#include <fmt/format.h>

#include <filesystem>

#include "commands/commands.h"
#include "failure.h"
#include "output/new_files.h"
#include "report/page.h"
#include "report/summary_files.h"
#include "settings/options.h"

namespace faasnap::cli {
namespace {

namespace fs = std::filesystem;

CommandLine report_command_line() {
  CommandLine line("report", "RESULTS... [-o FILE] [--summary DIR] [--baseline SETTING]",
                   "Makes a page, to be opened in a browser, or a summary in small files, to be "
                   "kept, or both,\nof results files as bench programs and `faasnap invoke --json` "
                   "write them.",
                   "faasnap report e1.jsonl e2.jsonl -o report.html");
  line.positional_list("RESULTS");
  line.add()("o,output", "the page; replaced when it exists", cxxopts::value<std::string>(),
             "FILE")("summary",
                     "where EXPERIMENT.json and the pictures EXPERIMENT*.svg are put; made when it "
                     "does not exist",
                     cxxopts::value<std::string>(), "DIR")(
      "baseline", "what ratios refer to (default: cached, or lazy where that is missing)",
      cxxopts::value<std::string>(), "SETTING");
  return line;
}

}  // namespace

int run_report(const Arguments& arguments) {
  CommandLine line = report_command_line();
  if (!line.parse(arguments)) {
    return kSuccess;
  }
  const auto output = line.optional_text("output");
  const auto summary = line.optional_text("summary");
  if (!output && !summary) {
    throw UsageError("--output or --summary is missing");
  }
  const std::string baseline = line.optional_text("baseline").value_or("");
  const report::Results results = report::read_results(line.texts("RESULTS"));
  for (const std::string& notice : results.notices) {
    fmt::print(stderr, "faasnap: {}\n", notice);
  }
  NewFiles files;
  if (output) {
    files.add(*output, report::make_page(results, baseline));
  }
  if (summary) {
    files.add_directory(*summary);
    for (const auto& [name, content] : report::summary_files(results, baseline)) {
      files.add(fs::path(*summary) / name, content);
    }
  }
  files.commit();
  return kSuccess;
}

}  // namespace faasnap::cli
