#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "commands/commands.h"
#include "failure.h"
#include "options.h"
#include "report/page.h"

namespace faasnap::cli {
namespace {

namespace fs = std::filesystem;

CommandLine make_command_line() {
  CommandLine line("report", "RESULTS... -o FILE [--baseline SETTING]",
                   "Makes one page, to be opened in a browser, of results files as bench programs "
                   "and\n`faasnap invoke --json` write them.",
                   "faasnap report e1.jsonl e2.jsonl -o report.html");
  line.positional_list("RESULTS");
  line.add()("o,output", "the page; replaced when it exists", cxxopts::value<std::string>(),
             "FILE")("baseline",
                     "what ratios refer to (default: cached, or lazy where that is missing)",
                     cxxopts::value<std::string>(), "SETTING");
  return line;
}

[[noreturn]] void fail(const fs::path& file) {
  throw Failure(fmt::format("{}: cannot be written: {}", file.string(), std::strerror(errno)));
}

void write_to(const fs::path& file, const std::string& page) {
  std::ofstream stream(file, std::ios::binary | std::ios::trunc);
  stream << page << std::flush;
  if (!stream) {
    fail(file);
  }
}

// Whole or not at all, where the target is a file.
void write_page(const fs::path& target, const std::string& page) {
  std::error_code error;
  const auto type = fs::status(target, error).type();
  if (type != fs::file_type::not_found && type != fs::file_type::regular) {
    write_to(target, page);
    return;
  }
  fs::path part = target;
  part += ".part";
  try {
    write_to(part, page);
    if (std::rename(part.c_str(), target.c_str()) != 0) {
      fail(target);
    }
  } catch (...) {
    fs::remove(part, error);
    throw;
  }
}

}  // namespace

int run_report(const Arguments& arguments) {
  CommandLine line = make_command_line();
  if (!line.parse(arguments)) {
    return kSuccess;
  }
  const fs::path output = line.text("output");
  const std::string baseline = line.optional_text("baseline").value_or("");
  const report::Results results = report::read_results(line.texts("RESULTS"));
  for (const std::string& notice : results.notices) {
    fmt::print(stderr, "faasnap: {}\n", notice);
  }
  write_page(output, report::make_page(results, baseline));
  return kSuccess;
}

}  // namespace faasnap::cli
