// SPDX-License-Identifier: Apache-2.0

#include "functions/options.h"

#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <cstdlib>
#include <fstream>
#include <stdexcept>

namespace faasnap::bench {
namespace {

constexpr GuestProgram kProgram{.name = "bench_some",
                                .experiment = "some",
                                .help = "Does it.",
                                .example = "bench_some --quick",
                                .settings = "lazy,stream"};

// A guest image that has the functions hello and json, where the programs look for it.
class Image {
 public:
  Image() {
    std::string pattern = (std::filesystem::temp_directory_path() / "faasnap-options-XXXXXX");
    if (::mkdtemp(pattern.data()) == nullptr) {
      throw std::runtime_error("mkdtemp");
    }
    directory_ = pattern;
    const auto functions = directory_ / "tree/opt/faasnap/functions";
    std::filesystem::create_directories(functions);
    for (const char* name : {"json.py", "hello.py", "inputs.json"}) {
      std::ofstream(functions / name) << '\n';
    }
    ::setenv("FAASNAP_IMAGES", directory_.c_str(), 1);
  }
  ~Image() {
    ::unsetenv("FAASNAP_IMAGES");
    std::filesystem::remove_all(directory_);
  }
  Image(const Image&) = delete;
  Image& operator=(const Image&) = delete;

 private:
  std::filesystem::path directory_;
};

GuestOptions parse(const tools::Arguments& words) {
  CommandLine line = guest_command_line(kProgram);
  line.parse(words);
  return guest_options(kProgram, line);
}

TEST_CASE("a program asks for all functions of the image under its own settings") {
  const Image image;
  const GuestOptions options = parse({"--output", "a/b.jsonl"});
  CHECK(options.experiment == "some");
  CHECK(options.functions == std::vector<std::string>{"hello", "json"});
  CHECK(options.ways == std::vector<Way>{{"lazy"}, {"stream"}});
  CHECK(options.size == InputSize::full);
  CHECK(options.repeat == 5);
  CHECK(options.report == "a/b.html");
}

TEST_CASE("a program measures what it is told to") {
  const Image image;
  const GuestOptions options =
      parse({"--quick", "--functions", "json", "--settings", "faasnap+gap0", "--report", "c.html"});
  CHECK(options.functions == std::vector<std::string>{"json"});
  CHECK(options.ways == std::vector<Way>{{"faasnap", false, 0}});
  CHECK(options.size == InputSize::quick);
  CHECK(options.repeat == 3);
  CHECK(options.report == "c.html");
}

TEST_CASE("a program refuses what it does not know") {
  const Image image;
  const auto words = GENERATE(
      as<std::vector<std::string>>(), std::vector<std::string>{"--frobnicate"},
      std::vector<std::string>{"--functions", "jason"},
      std::vector<std::string>{"--settings", "vanilla"}, std::vector<std::string>{"--repeat", "0"},
      std::vector<std::string>{"--repeat", "x"}, std::vector<std::string>{"json"});
  INFO(words.front());
  CHECK_THROWS_AS(parse(words), UsageError);
}

TEST_CASE("a point has the way's fields, and the disk only where there is one with a name") {
  GuestOptions options{.experiment = "e4"};
  const Way way{"faasnap", true, 32};
  const Point expected{{"experiment", "e4"}, {"function", "json"}, {"setting", "faasnap"},
                       {"prepared", true},   {"merge_gap", 32},    {"repeat", 2}};
  CHECK(point_of(options, "json", way, 2) == expected);
  options.disk = "remote";
  CHECK(point_of(options, "json", way, 2).at("disk") == "remote");
}

}  // namespace
}  // namespace faasnap::bench
