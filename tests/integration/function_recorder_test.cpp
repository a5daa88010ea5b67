// SPDX-License-Identifier: Apache-2.0

#include <catch2/catch_test_macros.hpp>
#include <thread>

#include <faasnap/directory_store.h>
#include <faasnap/function_recorder.h>

#include "../unit/support/forbidden_calls.h"
#include "support.h"

using namespace faasnap;
using namespace faasnap::test;

namespace {

// An empty directory for what a test records.
std::filesystem::path fresh_directory(const std::string& name) {
  const auto path = fresh_path(name);
  std::filesystem::create_directory(path);
  return path;
}

FunctionHost function_host() {
  return FunctionHost(std::make_shared<DirectoryStore>(images() / "inputs"));
}

}  // namespace

TEST_CASE("a recorder leaves a snapshot that serves under every setting, and nothing beside it") {
  require_kvm();
  const auto directory = fresh_directory("recorder");
  const nlohmann::json input{{"name", "recorded"}};
  FunctionHost host = function_host();
  const FunctionRecorder recorder(host, {.guest = boot_options(),
                                         .labels = {{"owner", "test"}},
                                         .free_memory = FreeMemory::keep,
                                         .recordings = 2,
                                         .other_inputs = {R"({"name": "other"})"}});
  std::vector<std::string> steps;
  const RecordedFunction recorded =
      recorder.record("hello", input.dump(2), directory / "hello",
                      {.step = [&](std::string_view step) { steps.emplace_back(step); }});

  CHECK(nlohmann::json::parse(recorded.result) == run_outside("hello", input));
  CHECK(recorded.similarity > 0.5);
  CHECK(recorded.similarity <= 1);
  CHECK(recorded.no_userfaultfd.empty());
  CHECK(steps.front() == "check what the recording needs");
  CHECK(std::ranges::count(steps, "invoke hello and record its pages by mincore") == 1);
  CHECK(std::ranges::count(steps, "invoke hello and record its pages by userfaultfd") == 4);
  CHECK(std::distance(std::filesystem::directory_iterator(directory), {}) == 1);

  const Snapshot snapshot = Snapshot::open(directory / "hello");
  CHECK_NOTHROW(snapshot.verify());
  CHECK(snapshot.info().labels.at("function") == "hello");
  CHECK(snapshot.info().labels.at("input") == input.dump());
  CHECK(snapshot.info().labels.at("owner") == "test");
  for (const Setting setting : kAllSettings) {
    INFO(to_string(setting));
    VM vm = VM::restore(snapshot, restored_with(setting));
    host.attach(vm);
    CHECK(nlohmann::json::parse(host.invoke(vm, "hello", input.dump()).result) ==
          run_outside("hello", input));
  }
  std::filesystem::remove_all(directory);
}

TEST_CASE("without userfaultfd the recording by mincore is kept, and says what it lacks") {
  require_kvm();
  const auto directory = fresh_directory("mincore-alone");
  FunctionHost host = function_host();
  const FunctionRecorder recorder(host, {.guest = boot_options(), .free_memory = FreeMemory::keep});
  without_userfaultfd([&] {
    const RecordedFunction recorded = recorder.record("hello", "{}", directory / "hello");
    CHECK(recorded.no_userfaultfd.find("/dev/userfaultfd") != std::string::npos);
    CHECK(std::distance(std::filesystem::directory_iterator(directory), {}) == 1);
    VM vm = VM::restore(recorded.snapshot, restored_with(Setting::faasnap));
    host.attach(vm);
    CHECK(host.invoke(vm, "hello", "{}").result == recorded.result);
    CHECK_THROWS_AS(recorded.snapshot.plan(Setting::stream), Error);
  });
  std::filesystem::remove_all(directory);
}

TEST_CASE("a recording that is cancelled ends its guest and leaves nothing") {
  require_kvm();
  const auto directory = fresh_directory("cancelled");
  FunctionHost host = function_host();
  const FunctionRecorder recorder(host, {.guest = boot_options()});
  std::stop_source source;
  std::jthread user([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
    source.request_stop();
  });
  try {
    recorder.record("hello", "{}", directory / "hello", {.stop = source.get_token()});
    FAIL("the recording was not cancelled");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::cancelled);
  }
  CHECK(std::filesystem::is_empty(directory));
}

TEST_CASE("an invocation that fails says why, in the function's own words") {
  require_kvm();
  FunctionHost host = function_host();
  VM vm = VM::restore(base_snapshot(), restored_with(Setting::lazy));
  host.attach(vm);
  const auto error_of = [&](const char* function, const char* input) -> Error {
    try {
      host.invoke(vm, function, input);
    } catch (const Error& error) {
      return error;
    }
    throw std::logic_error("the invocation did not fail");
  };
  const auto says = [](const Error& error, std::string_view words) {
    return std::string_view(error.what()).find(words) != std::string_view::npos;
  };
  const Error unknown = error_of("nonesuch", "{}");
  CHECK(unknown.kind() == ErrorKind::not_found);
  CHECK(says(unknown, "nonesuch"));
  const Error refused = error_of("json", R"({"input": "nonesuch"})");
  CHECK(refused.kind() == ErrorKind::guest);
  CHECK(says(refused, "nonesuch"));
}

TEST_CASE("a guest that lacks the function that it is to serve says so at boot") {
  require_kvm();
  FunctionHost host = function_host();
  try {
    host.boot(boot_options("faasnap.function=nonesuch"));
    FAIL("the guest has booted");
  } catch (const Error& error) {
    INFO(error.what());
    CHECK(error.kind() == ErrorKind::not_found);
    CHECK(std::string_view(error.what()).find("nonesuch") != std::string_view::npos);
  }
}
