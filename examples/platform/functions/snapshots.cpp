// SPDX-License-Identifier: Apache-2.0

#include "functions/snapshots.h"

#include <faasnap/error.h>
#include <faasnap/function_recorder.h>
#include <faasnap/snapshot_leftovers.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/log.h"
#include "policy/retry.h"

namespace platform {
namespace {

namespace fs = std::filesystem;

// A recording restores the guest in ways that make the function slower.
constexpr std::chrono::minutes kSlowInvocation{1};

}  // namespace

Snapshots::Snapshots(const Config& config, MachineMaker& maker, Metrics& metrics,
                     const std::set<std::string>& revisions)
    : config_(config), maker_(maker), metrics_(metrics), directory_(config.state / "snapshots") {
  fs::create_directories(directory_);
  faasnap::remove_leftovers(directory_);
  for (const auto& entry : fs::directory_iterator(directory_)) {
    const std::string revision = entry.path().filename();
    try {
      if (revisions.contains(revision)) {
        opened_.emplace(revision, faasnap::Snapshot::open(entry.path()));
      } else {
        faasnap::Snapshot::remove(entry.path());
      }
    } catch (const faasnap::Error& error) {
      log(LogLevel::error, error.what());
    }
  }
  thread_ = std::jthread([this](const std::stop_token& stop) { record_wishes(stop); });
}

Snapshots::~Snapshots() = default;

std::optional<faasnap::Snapshot> Snapshots::find(const std::string& revision) const {
  const std::lock_guard lock(mutex_);
  const auto found = opened_.find(revision);
  return found == opened_.end() ? std::nullopt : std::optional(found->second);
}

void Snapshots::want(const Function& function, const std::string& event) {
  const std::lock_guard lock(mutex_);
  const std::string& revision = function.revision;
  const bool wished = std::ranges::any_of(
      wishes_, [&](const Wish& wish) { return wish.function.revision == revision; });
  if (opened_.contains(revision) || recording_ == revision || wished ||
      failures_[revision] >= kMostRecordingFailures) {
    return;
  }
  // The recorder invokes with objects.
  const auto json = nlohmann::json::parse(event, nullptr, false);
  wishes_.push_back({function, json.is_object() ? event : "{}"});
  wished_.notify_all();
}

void Snapshots::remove(const std::string& revision) {
  const std::lock_guard lock(mutex_);
  std::erase_if(wishes_, [&](const Wish& wish) { return wish.function.revision == revision; });
  failures_.erase(revision);
  recording_removed_ = recording_removed_ || recording_ == revision;
  if (opened_.erase(revision) != 0) {
    faasnap::Snapshot::remove(directory_ / revision);
  }
}

std::vector<Snapshots::Description> Snapshots::list() const {
  const std::lock_guard lock(mutex_);
  std::vector<Description> list;
  for (const auto& [revision, snapshot] : opened_) {
    const auto& info = snapshot.info();
    list.push_back({.revision = revision,
                    .memory_bytes = info.memory.value,
                    .nonzero_bytes = info.nonzero_pages * faasnap::kPageSize,
                    .loading_set_bytes = info.loading_set_pages * faasnap::kPageSize,
                    .created = std::chrono::duration_cast<std::chrono::seconds>(info.created)});
  }
  return list;
}

std::string Snapshots::recording() const {
  const std::lock_guard lock(mutex_);
  return recording_;
}

void Snapshots::record_wishes(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (wished_.wait(lock, stop, [this] { return !wishes_.empty(); })) {
    if (stop.stop_requested()) {
      return;
    }
    const Wish wish = std::move(wishes_.front());
    wishes_.pop_front();
    recording_ = wish.function.revision;
    recording_removed_ = false;
    lock.unlock();
    record(wish, stop);
    lock.lock();
    recording_.clear();
  }
}

void Snapshots::record(const Wish& wish, const std::stop_token& stop) {
  const Function& function = wish.function;
  const AgentName agent = agent_name(function);
  const fs::path target = directory_ / function.revision;
  try {
    faasnap::FunctionRecorder recorder(maker_.host(),
                                       {.guest = maker_.guest(function),
                                        .name_on_command_line = agent.on_command_line,
                                        .boot_timeout = config_.vm.boot_timeout,
                                        .invoke_timeout = function.timeout + kSlowInvocation,
                                        .free_memory = config_.recording.free_memory,
                                        .recordings = config_.recording.recordings});
    const auto recorded = recorder.record(agent.name, wish.event, target, {.stop = stop});
    metrics_.recording(true);
    const std::lock_guard lock(mutex_);
    if (recording_removed_) {
      faasnap::Snapshot::remove(target);
    } else {
      opened_.emplace(function.revision, recorded.snapshot);
    }
    log(LogLevel::info, function.name + ": recorded");
  } catch (const faasnap::Error& error) {
    if (error.kind() == faasnap::ErrorKind::cancelled) {
      return;
    }
    metrics_.recording(false);
    log(LogLevel::error, function.name + ": not recorded: " + error.what());
    const std::lock_guard lock(mutex_);
    ++failures_[function.revision];
  }
}

}  // namespace platform
