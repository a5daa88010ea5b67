// SPDX-License-Identifier: Apache-2.0

#include "functions/snapshots.h"

#include <faasnap/error.h>
#include <faasnap/function_recorder.h>
#include <faasnap/snapshot_leftovers.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/log.h"
#include "hosts/lease.h"
#include "policy/retry.h"

namespace platform {
namespace {

namespace fs = std::filesystem;

// A recording restores the guest in ways that make the function slower.
constexpr std::chrono::minutes kSlowInvocation{1};
// Between attempts to push what the store does not have.
constexpr std::chrono::seconds kPushPause{5};

}  // namespace

Snapshots::Snapshots(const Config& config, MachineMaker& maker, Metrics& metrics,
                     hosts::Store* store, const std::set<std::string>& revisions)
    : config_(config),
      maker_(maker),
      metrics_(metrics),
      store_(store),
      directory_(config.state / "snapshots") {
  fs::create_directories(directory_);
  faasnap::remove_leftovers(directory_);
  for (const auto& entry : fs::directory_iterator(directory_)) {
    const std::string revision = entry.path().filename();
    try {
      if (revisions.contains(revision)) {
        opened_.emplace(revision, faasnap::Snapshot::open(entry.path()));
        if (store_ != nullptr) {
          unpushed_.insert(revision);
        }
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

std::optional<faasnap::Snapshot> Snapshots::find_or_fetch(const Function& function) {
  const std::string& revision = function.revision;
  if (auto found = find(revision); found || store_ == nullptr) {
    return found;
  }
  const std::lock_guard fetching(fetching_);
  if (auto found = find(revision)) {
    return found;
  }
  try {
    auto pulled = store_->pull(revision, directory_ / revision);
    if (pulled) {
      log(LogLevel::info, function.name + ": fetched the snapshot that another host has recorded");
      const std::lock_guard lock(mutex_);
      opened_.emplace(revision, *pulled);
    }
    return pulled;
  } catch (const std::exception& error) {
    // The function can be booted.
    log(LogLevel::warning, function.name + ": snapshot not fetched: " + error.what());
    return std::nullopt;
  }
}

void Snapshots::want(const Function& function, const std::string& event) {
  if (config_.recording.recordings == 0) {
    return;
  }
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
  unpushed_.erase(revision);
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
  while (!stop.stop_requested()) {
    const auto wished = [this] { return !wishes_.empty(); };
    if (unpushed_.empty()) {
      wished_.wait(lock, stop, wished);
    } else {
      wished_.wait_for(lock, stop, kPushPause, wished);
    }
    if (stop.stop_requested()) {
      return;
    }
    if (!wishes_.empty()) {
      const Wish wish = std::move(wishes_.front());
      wishes_.pop_front();
      recording_ = wish.function.revision;
      recording_removed_ = false;
      lock.unlock();
      record_once(wish, stop);
      lock.lock();
      recording_.clear();
    }
    lock.unlock();
    push();
    lock.lock();
  }
}

void Snapshots::record_once(const Wish& wish, const std::stop_token& stop) {
  std::unique_ptr<hosts::Lease> lease;
  if (store_ != nullptr) {
    try {
      lease = hosts::Lease::take(*store_, "recording:" + wish.function.revision);
      if (lease == nullptr || find_or_fetch(wish.function)) {
        // Another host records it, and the next invocation looks whether it has; or it has.
        return;
      }
    } catch (const std::exception&) {
      // Without the store each host records for itself.
    }
  }
  record(wish, stop);
  // Before the lease ends.
  push();
}

void Snapshots::push() {
  std::set<std::string> revisions;
  {
    const std::lock_guard lock(mutex_);
    revisions = unpushed_;
  }
  for (const std::string& revision : revisions) {
    const auto snapshot = find(revision);
    try {
      if (snapshot && !store_->has_snapshot(revision)) {
        store_->push(revision, *snapshot);
      }
    } catch (const hosts::StoreLost&) {
      return;
    } catch (const std::exception& error) {
      log(LogLevel::warning, revision + ": not pushed to the hosts' store: " + error.what());
      return;
    }
    const std::lock_guard lock(mutex_);
    unpushed_.erase(revision);
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
      if (store_ != nullptr) {
        unpushed_.insert(function.revision);
      }
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
