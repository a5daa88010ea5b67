// SPDX-License-Identifier: Apache-2.0

#include <stdlib.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <fstream>

#include "base/config.h"
#include "state/files.h"
#include "state/function_file.h"

namespace platform {
namespace {

namespace fs = std::filesystem;
using Catch::Matchers::ContainsSubstring;

// A directory that is removed with the object.
class Scratch {
 public:
  Scratch() {
    std::string name = fs::temp_directory_path() / "faasnap-platform-XXXXXX";
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~Scratch() { fs::remove_all(path_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

Config config_of(const std::string& text) {
  const Scratch scratch;
  const fs::path file = scratch.path() / "platform.toml";
  std::ofstream(file) << text;
  return load_config(file);
}

Function some_function() {
  return {.name = "resize",
          .description = "a \"quoted\" text",
          .revision = "r01",
          .image = "/images/resize",
          .image_uri = "resize:latest",
          .archive = "/state/functions/resize/code.zip",
          .runtime = "python3.11",
          .handler = "app.handler",
          .environment = {{"LEVEL", "info"}},
          .role = "arn:aws:iam::0:role/none",
          .code_sha256 = "abc=",
          .code_size = 12'345,
          .memory_mib = 512,
          .timeout = std::chrono::seconds(30),
          .concurrency = 7,
          .modified = std::chrono::milliseconds(1'700'000'000'123)};
}

}  // namespace

TEST_CASE("a file is replaced as a whole, and nothing else is left") {
  const Scratch scratch;
  const fs::path file = scratch.path() / "file";
  write_durably(file, "one");
  // What a crash in the middle of a write leaves.
  std::ofstream(scratch.path() / "file.new") << "half of a";
  CHECK(read_file(file) == "one");
  write_durably(file, std::string("two\0three", 9));
  CHECK(read_file(file) == std::string("two\0three", 9));
  CHECK(remove_durably(file));
  CHECK(!remove_durably(file));
  CHECK(fs::is_empty(scratch.path()));
}

TEST_CASE("a write that fails names the file") {
  CHECK_THROWS_WITH(write_durably("/nowhere/file", "x"), ContainsSubstring("/nowhere/file"));
  CHECK_THROWS_WITH(read_file("/nowhere/file"), ContainsSubstring("/nowhere/file"));
}

TEST_CASE("a directory is one platform's") {
  const Scratch scratch;
  {
    const DirectoryLock lock(scratch.path());
    CHECK_THROWS_WITH(DirectoryLock(scratch.path()), ContainsSubstring("another platform"));
  }
  const DirectoryLock again(scratch.path());
}

TEST_CASE("a function's file keeps every version as it was") {
  FunctionVersions versions{.latest = some_function(), .next_version = 4, .change = 12};
  Function published = some_function();
  published.version = "3";
  published.concurrency.reset();
  versions.published.emplace(3, published);
  const std::string text = encode(versions);
  const FunctionVersions read = decode_versions(text, "file");
  CHECK(encode(read) == text);
  CHECK(read.next_version == 4);
  CHECK(read.change == 12);
  CHECK(read.latest.concurrency == 7U);
  CHECK(read.latest.environment.at("LEVEL") == "info");
  CHECK(read.latest.modified == some_function().modified);
  CHECK(read.published.at(3).version == "3");
  CHECK(!read.published.at(3).concurrency);
}

TEST_CASE("a function's file tells its aliases and what is still being made") {
  FunctionVersions versions{.latest = some_function(), .next_version = 1};
  versions.latest.creation = {Making::Stage::failed, "no handler"};
  versions.latest.update.stage = Making::Stage::under_way;
  versions.next = some_function();
  versions.next->revision = "r02";
  versions.aliases["live"] = {"live", "3", "what serves", "r03", {{"4", 0.25}}};
  const FunctionVersions read = decode_versions(encode(versions), "file");
  CHECK(read.latest.creation.stage == Making::Stage::failed);
  CHECK(read.latest.creation.reason == "no handler");
  CHECK(read.latest.update.stage == Making::Stage::under_way);
  CHECK(read.aliases.at("live").version == "3");
  CHECK(read.aliases.at("live").description == "what serves");
  CHECK(read.aliases.at("live").weights.at("4") == 0.25);
  REQUIRE(read.next);
  CHECK(read.next->revision == "r02");
  // Its archive and its revision are needed, and it is no version yet.
  CHECK(read.kept().size() == 2);
  CHECK(read.all().size() == 1);
}

TEST_CASE("a function's file of the first format is read") {
  std::string text = encode({.latest = some_function(), .next_version = 2});
  const auto replace = [&](std::string_view from, std::string_view to) {
    text.replace(text.find(from), from.size(), to);
  };
  replace("\"format\": 2", "\"format\": 1");
  replace("\"creation\"", "\"unknown\"");
  replace("\"update\"", "\"unknown too\"");
  CHECK(decode_versions(text, "file").latest.creation.stage == Making::Stage::done);
}

TEST_CASE("a record of the hosts' store whose names are none of a platform's is refused") {
  Function function = some_function();
  function.archive = "0a-1b.zip";
  function.revision = "r01";
  const auto record = [](const Function& latest) { return encode({.latest = latest}); };
  CHECK(decode_record(record(function), function.name).latest.archive == "0a-1b.zip");
  CHECK_THROWS_WITH(decode_record(record(function), "other"),
                    ContainsSubstring("expected that of the function, other"));
  for (const char* archive :
       {"..", "a/..", "/", "../0a.zip", ".zip", "0a.zip.zip", "0A.zip", "0a"}) {
    Function hostile = function;
    hostile.archive = archive;
    CHECK_THROWS_WITH(decode_record(record(hostile), function.name),
                      ContainsSubstring("expected hexadecimal digits and .zip"));
  }
  Function hostile = function;
  hostile.revision = "r../../x";
  CHECK_THROWS_WITH(decode_record(record(hostile), function.name),
                    ContainsSubstring("expected 'r' and hexadecimal digits"));
  FunctionVersions versions{.latest = function};
  for (const char* version : {"-1", "01", "1x", "", "99999999999"}) {
    function.version = version;
    versions.published = {{1, function}};
    CHECK_THROWS_WITH(decode_record(encode(versions), function.name),
                      ContainsSubstring("expected a number"));
  }
}

TEST_CASE("a damaged file of a function is refused by its name") {
  CHECK_THROWS_WITH(decode_versions("{", "a/function.json"), ContainsSubstring("a/function.json"));
  CHECK_THROWS_WITH(decode_versions("{\"format\": 9}", "a/function.json"),
                    ContainsSubstring("format 9, expected 1 to 2"));
  CHECK_THROWS_WITH(decode_versions("{\"format\": 1}", "a/function.json"),
                    ContainsSubstring("next_version"));
}

TEST_CASE("settings that a file does not name have their defaults") {
  const Config config = config_of("");
  CHECK(config.port == 9000);
  CHECK(config.vm.setting == faasnap::Setting::stream);
  CHECK(config.limits.queue == 256);
}

TEST_CASE("settings are read from their tables") {
  const Config config = config_of(
      "port = 8080\nstate = '/s'\n[limits]\nconcurrency = 3\nqueue_timeout_s = 1\n"
      "[vm]\nsetting = 'stream'\nkeep_idle_s = 9\n[recording]\nfree_memory = 'keep'\n"
      "[events]\nretries = 5\n[function]\ntimeout_s = 8\n"
      "[archives]\npatience_s = 0\n[runtimes]\n\"nodejs22.x\" = '/node'\n");
  CHECK(config.port == 8080);
  CHECK(config.state == "/s");
  CHECK(config.limits.concurrency == 3);
  CHECK(config.limits.queue_timeout == std::chrono::seconds(1));
  CHECK(config.vm.setting == faasnap::Setting::stream);
  CHECK(config.vm.keep_idle == std::chrono::seconds(9));
  CHECK(config.recording.free_memory == faasnap::FreeMemory::keep);
  CHECK(config.events.retries == 5);
  CHECK(config.defaults.timeout == std::chrono::seconds(8));
  CHECK(config.archives.patience == std::chrono::seconds(0));
  CHECK(config.runtimes.at("nodejs22.x") == "/node");
}

TEST_CASE("wrong settings are refused with the key and what was expected") {
  CHECK_THROWS_WITH(config_of("prot = 1"), ContainsSubstring("prot: unknown key"));
  CHECK_THROWS_WITH(config_of("[vm]\nidle = 1"), ContainsSubstring("vm.idle: unknown key"));
  CHECK_THROWS_WITH(config_of("port = 'x'"), ContainsSubstring("port: expected a number"));
  CHECK_THROWS_WITH(config_of("port = 70000"), ContainsSubstring("from 0 to 65535"));
  CHECK_THROWS_WITH(config_of("state = 5"), ContainsSubstring("state: expected a text"));
  CHECK_THROWS_WITH(config_of("vm = 5"), ContainsSubstring("vm: expected a table"));
  CHECK_THROWS_WITH(config_of("[vm]\nsetting = 'fast'"), ContainsSubstring("vm.setting: 'fast'"));
  CHECK_THROWS_WITH(config_of("[runtimes]\n'python3.12' = 3"),
                    ContainsSubstring("runtimes.python3.12: expected a text"));
  CHECK_THROWS_WITH(config_of("port ="), ContainsSubstring("line 1"));
  CHECK_THROWS_WITH(load_config("/nowhere.toml"), ContainsSubstring("/nowhere.toml"));
}

}  // namespace platform
