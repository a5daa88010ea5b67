// SPDX-License-Identifier: Apache-2.0

#include "function/free_memory.h"

#include <fmt/format.h>

#include <array>
#include <chrono>
#include <thread>

#include <faasnap/guest_channel.h>

#include "base/error.h"
#include "base/progress.h"

namespace faasnap {
namespace {

constexpr std::array kModes = {FreeMemory::report, FreeMemory::zero, FreeMemory::keep};

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

std::optional<FreeMemory> parse_free_memory(std::string_view name) noexcept {
  for (const FreeMemory mode : kModes) {
    if (name == to_string(mode)) {
      return mode;
    }
  }
  return std::nullopt;
}

namespace function {
namespace {

constexpr const char* kSettling = "wait for the guest's free memory";

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
    base::fail(
        ErrorKind::guest, kSettling, {},
        fmt::format("the guest's agent answered POST {} with status {}; its images may be of "
                    "another version",
                    path, reply.status));
  }
}

// Waits until the guest has not reported anything for a while.
void wait_for_reports(const VM& vm, const std::stop_token& stop) {
  const auto deadline = Clock::now() + kLongest;
  Bytes reported = vm.stats().free_memory.reported;
  auto changed = Clock::now();
  while (Clock::now() < deadline && Clock::now() - changed < kQuiet) {
    std::this_thread::sleep_for(kPoll);
    base::check_not_stopped(stop, kSettling);
    if (const Bytes now = vm.stats().free_memory.reported; now != reported) {
      reported = now;
      changed = Clock::now();
    }
  }
}

}  // namespace

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

void settle_free_memory(VM& vm, const std::stop_token& stop) {
  ask_agent(vm, "/settle");
  wait_for_reports(vm, stop);
  ask_agent(vm, "/settled");
  // A pass that was asked for before would run in every clone.
  wait_for_reports(vm, stop);
}

}  // namespace function
}  // namespace faasnap
