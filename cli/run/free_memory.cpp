#include "run/free_memory.h"

#include <fmt/format.h>

#include <chrono>
#include <thread>

#include <faasnap/guest_channel.h>

#include "failure.h"
#include "run/interruption.h"

namespace faasnap::cli {
namespace {

using Clock = std::chrono::steady_clock;

// The kernel's two seconds between passes (PAGE_REPORTING_DELAY), and time for a pass to begin.
constexpr auto kQuiet = std::chrono::milliseconds(2500);
// A guest that frees memory all the time is never quiet.
constexpr auto kLongest = std::chrono::seconds(45);
constexpr auto kAnswerTimeout = std::chrono::minutes(1);
constexpr auto kPoll = std::chrono::milliseconds(100);

void ask_agent(VM& vm, const char* path) {
  const auto reply = GuestChannel(vm).request("POST", path, "", kAnswerTimeout);
  if (reply.status != 200) {
    throw Failure(
        fmt::format("the guest's agent answered POST {} with status {}: are its images those of "
                    "this version, as ./dev images makes them?",
                    path, reply.status));
  }
}

// Until there has been none for a while.
void wait_for_reports(const VM& vm) {
  const auto deadline = Clock::now() + kLongest;
  Bytes reported = vm.stats().free_memory.reported;
  auto changed = Clock::now();
  while (Clock::now() < deadline && Clock::now() - changed < kQuiet) {
    std::this_thread::sleep_for(kPoll);
    Interruption::check();
    if (const Bytes now = vm.stats().free_memory.reported; now != reported) {
      reported = now;
      changed = Clock::now();
    }
  }
}

}  // namespace

const char* to_string(FreeMemory mode) noexcept {
  switch (mode) {
    case FreeMemory::report:
      return "report";
    case FreeMemory::zero:
      return "zero";
    case FreeMemory::keep:
      return "keep";
  }
  return "unknown";
}

FreeMemory parse_free_memory(const std::string& text, const std::string& what) {
  for (const FreeMemory mode : {FreeMemory::report, FreeMemory::zero, FreeMemory::keep}) {
    if (text == to_string(mode)) {
      return mode;
    }
  }
  throw UsageError(fmt::format("{} {}: report, zero or keep is expected", what, text));
}

const char* kernel_words(FreeMemory mode) noexcept {
  switch (mode) {
    case FreeMemory::zero:
      return " init_on_free=1";
    case FreeMemory::report:
    case FreeMemory::keep:
      break;
  }
  return "";
}

void settle_free_memory(VM& vm) {
  ask_agent(vm, "/settle");
  wait_for_reports(vm);
  ask_agent(vm, "/settled");
  // A pass that was asked for before would run in every clone.
  wait_for_reports(vm);
}

}  // namespace faasnap::cli
