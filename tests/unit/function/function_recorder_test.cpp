// SPDX-License-Identifier: Apache-2.0

#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <faasnap/directory_store.h>
#include <faasnap/function_recorder.h>

#include "paging/page_cache/drop_probe.h"
#include "support/support.h"
#include "support/without_proc.h"

namespace faasnap {
namespace {

namespace fs = std::filesystem;

// A recorder of a guest that cannot boot, since it has no kernel.
struct Fixture {
  test::ScratchDirectory scratch;
  FunctionHost host{std::make_shared<DirectoryStore>(scratch.path() / "store")};
  FunctionRecorder recorder{host, {.guest = {.kernel = scratch.path() / "no-kernel"}}};
  fs::path snapshots = scratch.path() / "snapshots";

  Fixture() { fs::create_directory(snapshots); }

  ErrorKind kind(const std::string& function, const std::string& input, const fs::path& path,
                 const RecordingObserver& observer = {}) const {
    return test::kind_of([&] { recorder.record(function, input, path, observer); });
  }
};

TEST_CASE("a boot that fails leaves nothing beside the snapshot that was to be made") {
  const Fixture fixture;
  std::vector<std::string> steps;
  const RecordingObserver observer{
      .step = [&](std::string_view step) { steps.emplace_back(step); }};
  CHECK_THROWS_AS(fixture.recorder.record("hello", "{}", fixture.snapshots / "hello", observer),
                  Error);
  CHECK(fs::is_empty(fixture.snapshots));
  if (!paging::try_dropping_pages(fixture.snapshots).good()) {
    SKIP("the temporary directory's file system keeps its pages in memory");
  }
  CHECK(steps == std::vector<std::string>{"check what the recording needs", "boot the guest"});
}

TEST_CASE("no guest is booted where there is no /proc to see its pages") {
  const Fixture fixture;
  const fs::path path = fixture.scratch.path() / "s";
  if (!paging::try_dropping_pages(fixture.scratch.path()).good()) {
    SKIP("pages of temporary files cannot be dropped");
  }
  const std::string outcome =
      test::without_proc([&] { fixture.recorder.record("hello", "{}", path); });
  INFO(outcome);
  CHECK(outcome.starts_with("unsupported: "));
  CHECK(outcome.ends_with("/proc is not mounted"));
}

TEST_CASE("no guest is booted where the pages of a snapshot could not be dropped") {
  const fs::path memory = "/dev/shm";
  if (!fs::is_directory(memory) || paging::try_dropping_pages(memory).good()) {
    SKIP("there is no /dev/shm in memory");
  }
  const Fixture fixture;
  const auto path = memory / ("faasnap-" + std::to_string(::getpid()));
  const Error error = test::error_of([&] { fixture.recorder.record("hello", "{}", path); });
  CHECK(error.kind() == ErrorKind::unsupported);
  CHECK(error.path() == memory);
  CHECK_FALSE(fs::exists(path));
}

TEST_CASE("a recording that is cancelled before it starts boots no guest and leaves nothing") {
  const Fixture fixture;
  std::stop_source source;
  source.request_stop();
  bool stepped = false;
  const RecordingObserver observer{.step = [&](std::string_view) { stepped = true; },
                                   .stop = source.get_token()};
  CHECK(fixture.kind("hello", "{}", fixture.snapshots / "hello", observer) == ErrorKind::cancelled);
  CHECK_FALSE(stepped);
  CHECK(fs::is_empty(fixture.snapshots));
}

TEST_CASE("a failure after a request to stop is the caller's own") {
  const Fixture fixture;
  std::stop_source source;
  const RecordingObserver observer{.step = [&](std::string_view) { source.request_stop(); },
                                   .stop = source.get_token()};
  CHECK(fixture.kind("hello", "{}", fixture.snapshots / "hello", observer) == ErrorKind::cancelled);
  CHECK(fs::is_empty(fixture.snapshots));
}

TEST_CASE("what a caller throws in a step ends the recording, and nothing is left") {
  const Fixture fixture;
  struct Enough {};
  const RecordingObserver observer{.step = [](std::string_view) { throw Enough(); }};
  CHECK_THROWS_AS(fixture.recorder.record("hello", "{}", fixture.snapshots / "hello", observer),
                  Enough);
  CHECK(fs::is_empty(fixture.snapshots));
}

TEST_CASE("a recorder leaves alone what is at the snapshot's path") {
  const Fixture fixture;
  const fs::path path = fixture.snapshots / "s";
  SECTION("a directory") { fs::create_directory(path); }
  SECTION("a dangling link") { fs::create_symlink("nowhere", path); }
  CHECK(fixture.kind("hello", "{}", path) == ErrorKind::already_exists);
  CHECK(fixture.kind("hello", "{}", path / "") == ErrorKind::already_exists);
  CHECK(fs::symlink_status(path).type() != fs::file_type::not_found);
}

TEST_CASE("a snapshot is recorded into a directory that exists") {
  const Fixture fixture;
  CHECK(fixture.kind("hello", "{}", fixture.snapshots / "none" / "s") == ErrorKind::not_found);
  CHECK(fs::is_empty(fixture.snapshots));
}

TEST_CASE("a function's name is one word of the kernel command line") {
  const Fixture fixture;
  CHECK(FunctionRecorder::is_function_name("image_resize2"));
  CHECK(FunctionRecorder::is_function_name("Resize-1.2"));
  CHECK(FunctionRecorder::is_function_name(std::string(64, 'x')));
  for (const std::string& name :
       {std::string(), std::string("-hello"), std::string("../hello"), std::string("a b"),
        std::string("hello\nworld"), std::string("a=b"), std::string(65, 'x')}) {
    INFO(name);
    CHECK_FALSE(FunctionRecorder::is_function_name(name));
    CHECK(fixture.kind(name, "{}", fixture.snapshots / "s") == ErrorKind::invalid_argument);
  }
}

TEST_CASE("a function is recorded with a JSON object") {
  const Fixture fixture;
  for (const char* input : {"", "1", "[]", "{"}) {
    INFO(input);
    CHECK(fixture.kind("hello", input, fixture.snapshots / "s") == ErrorKind::invalid_argument);
  }
  CHECK(fs::is_empty(fixture.snapshots));
}

TEST_CASE("a recorder without a recording is refused") {
  test::ScratchDirectory scratch;
  FunctionHost host(std::make_shared<DirectoryStore>(scratch.path()));
  CHECK(test::kind_of([&] { FunctionRecorder(host, {.recordings = 0}); }) ==
        ErrorKind::invalid_argument);
}

TEST_CASE("ways with freed memory are known by their names") {
  for (const FreeMemory mode : {FreeMemory::report, FreeMemory::zero, FreeMemory::keep}) {
    CHECK(parse_free_memory(to_string(mode)) == mode);
  }
  CHECK_FALSE(parse_free_memory("burn").has_value());
  CHECK_FALSE(parse_free_memory("").has_value());
}

TEST_CASE("a boot that is cancelled before it starts is cancelled, whatever the guest") {
  test::ScratchDirectory scratch;
  FunctionHost host(std::make_shared<DirectoryStore>(scratch.path()));
  std::stop_source source;
  source.request_stop();
  CHECK(test::kind_of([&] { host.boot({}, {.stop = source.get_token()}); }) ==
        ErrorKind::cancelled);
}

}  // namespace
}  // namespace faasnap
