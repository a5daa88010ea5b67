// SPDX-License-Identifier: Apache-2.0

#include "harness/results.h"

#include <unistd.h>

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace faasnap::bench {
namespace {

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;
using nlohmann::json;

const json kConditions = {{"cpu", "a processor"}, {"kernel", "6.12"}, {"calibration", 9.8}};

// A file name in a directory of its own, which goes away with it.
class ScratchFile {
 public:
  ScratchFile() {
    std::string pattern = (std::filesystem::temp_directory_path() / "faasnap-results-XXXXXX");
    if (::mkdtemp(pattern.data()) == nullptr) {
      throw std::runtime_error("mkdtemp");
    }
    directory_ = pattern;
  }
  ~ScratchFile() { std::filesystem::remove_all(directory_); }
  ScratchFile(const ScratchFile&) = delete;
  ScratchFile& operator=(const ScratchFile&) = delete;

  std::filesystem::path path() const { return directory_ / "results.jsonl"; }
  std::string text() const {
    std::ifstream file(path());
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void write(const std::string& text) const { std::ofstream(path()) << text; }

 private:
  std::filesystem::path directory_;
};

Point point(const char* setting, int repeat) {
  return {{"experiment", "e1"}, {"function", "json"}, {"setting", setting}, {"repeat", repeat}};
}

TEST_CASE("results are the run's conditions and then a line for each invocation") {
  const ScratchFile file;
  Results results(file.path(), kConditions);
  results.add(point("lazy", 0), {{"total_ns", 7}, {"setting", "what the command says"}});
  CHECK(file.text() ==
        R"({"conditions":{"calibration":9.8,"cpu":"a processor","kernel":"6.12"}})"
        "\n"
        R"({"experiment":"e1","function":"json","repeat":0,"setting":"lazy","total_ns":7})"
        "\n");
  CHECK(results.notice().empty());
}

TEST_CASE(
    "each line of results carries the lab's calibration and disk, unless it has a disk itself") {
  const ScratchFile file;
  Results results(file.path(), {{"cpu", "a processor"}, {"dilation", 9.5}, {"disk", "slow"}});
  results.add(point("lazy", 0), {{"total_ns", 7}});
  Point elsewhere = point("lazy", 1);
  elsewhere["disk"] = "remote";
  results.add(elsewhere, {{"total_ns", 7}});
  results.add_failure(point("lazy", 2), "no");
  CHECK(results.records().at(0).at("dilation") == 9.5);
  CHECK(results.records().at(0).at("disk") == "slow");
  CHECK(results.records().at(1).at("disk") == "remote");
  CHECK(results.has(elsewhere));
  const std::string text = file.text();
  const json failed = json::parse(text.substr(text.find('\n', text.find("\"repeat\":1"))));
  CHECK(failed.at("dilation") == 9.5);
  CHECK(failed.at("disk") == "slow");
}

TEST_CASE("a run that goes on knows what the one before it measured") {
  const ScratchFile file;
  { Results(file.path(), kConditions).add(point("lazy", 0), {{"total_ns", 7}}); }
  Results results(file.path(), kConditions);
  CHECK(results.has(point("lazy", 0)));
  CHECK_FALSE(results.has(point("lazy", 1)));
  CHECK_FALSE(results.has(point("cached", 0)));
  CHECK_FALSE(results.has({{"experiment", "e1"}, {"no such field", 1}}));
  REQUIRE(results.records().size() == 1);
  CHECK(results.records()[0].at("total_ns") == 7);
  results.add(point("cached", 0), {{"total_ns", 5}});
  CHECK(results.has(point("cached", 0)));
  CHECK(results.records().size() == 2);
}

TEST_CASE("a failed invocation is written down, counted, and open to be measured again") {
  const ScratchFile file;
  {
    Results results(file.path(), kConditions);
    results.add_failure(point("lazy", 0), "the guest \"ended\"\n\xff");
    CHECK(results.failures() == 1);
    CHECK_FALSE(results.has(point("lazy", 0)));
  }
  const std::string text = file.text();
  const json line = json::parse(text.substr(text.find('\n')));
  CHECK(line.at("failed") == true);
  CHECK(line.at("error") == "the guest \"ended\"\n\ufffd");
  CHECK(line.at("setting") == "lazy");

  Results again(file.path(), kConditions);
  CHECK_FALSE(again.has(point("lazy", 0)));
  CHECK(again.failures() == 0);
  CHECK(again.records().empty());
}

TEST_CASE("a last line that was cut short is dropped with a notice, and results go on after it") {
  const ScratchFile file;
  { Results(file.path(), kConditions).add(point("lazy", 0), {{"total_ns", 7}}); }
  const std::string whole = file.text();
  file.write(whole + R"({"experiment":"e1","function":"js)");
  {
    Results results(file.path(), kConditions);
    CHECK_THAT(results.notice(), ContainsSubstring("results.jsonl:3: truncated"));
    CHECK(results.records().size() == 1);
    results.add(point("lazy", 1), {{"total_ns", 8}});
  }
  CHECK(file.text().starts_with(whole + R"({"conditions")"));
  Results again(file.path(), kConditions);
  CHECK(again.notice().empty());
  CHECK(again.records().size() == 2);
}

TEST_CASE("wherever an interruption cuts a file, what was whole before is kept") {
  const ScratchFile file;
  {
    Results results(file.path(), kConditions);
    results.add(point("lazy", 0), {{"total_ns", 7}});
    results.add(point("lazy", 1), {{"total_ns", 8}});
  }
  const std::string whole = file.text();
  const std::size_t first_end = whole.find('\n', whole.find('\n') + 1);
  for (std::size_t length = 0; length < whole.size(); ++length) {
    file.write(whole.substr(0, length));
    Results results(file.path(), kConditions);
    CHECK(results.has(point("lazy", 0)) == (length >= first_end));
    CHECK(results.has(point("lazy", 1)) == (length >= whole.size() - 1));
  }
}

TEST_CASE("what is not a results file is left alone, and the line named") {
  const ScratchFile file;
  const auto [text, place] = GENERATE(table<std::string, std::string>({
      {"not JSON\n", "results.jsonl:1:"},
      {"{\"conditions\":{}}\n[1]\n", "results.jsonl:2:"},
      {"\n", "results.jsonl:1:"},
  }));
  file.write(text);
  CHECK_THROWS_MATCHES(Results(file.path(), json::object()), std::runtime_error,
                       MessageMatches(ContainsSubstring(place)));
  CHECK(file.text() == text);
}

TEST_CASE("a point says with null that its measurement lacks a field") {
  const ScratchFile file;
  Results results(file.path(), kConditions);
  Point with_gap = point("faasnap", 0);
  Point without_gap = with_gap;
  with_gap["merge_gap"] = 32;
  without_gap["merge_gap"] = nullptr;

  results.add(with_gap, {{"total_ns", 7}});
  CHECK(results.has(with_gap));
  CHECK_FALSE(results.has(without_gap));
  results.add(without_gap, {{"total_ns", 8}});
  CHECK(results.has(without_gap));
  CHECK_FALSE(results.records().back().contains("merge_gap"));
}

TEST_CASE("results of another machine, or of larger inputs, are not added to") {
  const ScratchFile file;
  { Results(file.path(), kConditions); }
  const std::string before = file.text();
  json other = kConditions;
  other["kernel"] = "6.1";
  CHECK_THROWS_MATCHES(Results(file.path(), other), std::runtime_error,
                       MessageMatches(ContainsSubstring("kernel was \"6.12\" and is \"6.1\"")));
  json larger = kConditions;
  larger["inputs"] = "full";
  CHECK_THROWS_AS(Results(file.path(), larger), std::runtime_error);
  CHECK(file.text() == before);

  json drifted = kConditions;
  drifted["calibration"] = 10.1;
  CHECK_NOTHROW(Results(file.path(), drifted));
}

TEST_CASE("two programs do not write to one results file at a time") {
  const ScratchFile file;
  const Results first(file.path(), kConditions);
  CHECK_THROWS_MATCHES(Results(file.path(), kConditions), std::runtime_error,
                       MessageMatches(ContainsSubstring("another program")));
}

TEST_CASE("results that go nowhere are kept for the table") {
  Results first("/dev/null", kConditions);
  Results second("/dev/null", kConditions);
  first.add(point("lazy", 0), {{"total_ns", 7}});
  CHECK(first.records().size() == 1);
  CHECK(second.records().empty());
}

TEST_CASE("a full disk is an error, not a lost line") {
  CHECK_THROWS_AS(Results("/dev/full", kConditions), std::system_error);
}

}  // namespace
}  // namespace faasnap::bench
