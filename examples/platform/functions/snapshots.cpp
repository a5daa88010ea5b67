// SPDX-License-Identifier: Apache-2.0

#include "functions/snapshots.h"

#include <faasnap/error.h>
#include <faasnap/function_recorder.h>
#include <faasnap/snapshot_leftovers.h>
#include <faasnap/working_set_recorder.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/log.h"
#include "hosts/lease.h"
#include "policy/retry.h"
#include "state/files.h"

namespace platform {
namespace {

namespace fs = std::filesystem;

// A recording restores the guest in ways that make the function slower.
constexpr std::chrono::minutes kSlowInvocation{1};
// Between attempts to push what the store does not have.
constexpr std::chrono::seconds kPushPause{5};
// What the name of a revision's snapshot has behind it while the one that replaces it is made. No
// revision has such a name, so that a start removes what a killed platform has left of it.
constexpr const char* kRefreshed = ".refreshed";

std::string lease_of(const std::string& revision) { return "recording:" + revision; }

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
  thread_ = std::jthread([this](const std::stop_token& stop) { work(stop); });
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

void Snapshots::note_misses(Machine& machine) {
  if (!machine.noted) {
    return;
  }
  const faasnap::Snapshot noted = *std::exchange(machine.noted, std::nullopt);
  try {
    const faasnap::WorkingSet misses =
        faasnap::WorkingSetRecorder(noted, machine.vm, {.recorder = faasnap::Recorder::userfaultfd})
            .finish();
    metrics_.missed_pages(misses.pages());
    note_misses(machine.function, machine.revision, noted, misses);
  } catch (const faasnap::Error& error) {
    log(LogLevel::warning, machine.function + ": misses are not known: " + error.what());
  }
}

void Snapshots::note_misses(const std::string& function, const std::string& revision,
                            const faasnap::Snapshot& restored, const faasnap::WorkingSet& misses) {
  const std::lock_guard lock(mutex_);
  const auto current = opened_.find(revision);
  // What a VM misses that was made before a refresh says nothing of the set that there is now.
  if (current == opened_.end() || current->second.info().id != restored.info().id ||
      current->second.info().touched_pages != restored.info().touched_pages) {
    return;
  }
  Refresh& refresh = refreshes_[revision];
  refresh.note(misses);
  if (refresh.due() && recording_ != revision) {
    due_.emplace(revision, function);
    wished_.notify_all();
  }
}

void Snapshots::remove(const std::string& revision) {
  const std::lock_guard lock(mutex_);
  std::erase_if(wishes_, [&](const Wish& wish) { return wish.function.revision == revision; });
  failures_.erase(revision);
  refreshes_.erase(revision);
  due_.erase(revision);
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

void Snapshots::work(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    const auto asked = [this] { return !wishes_.empty() || !due_.empty(); };
    if (unpushed_.empty()) {
      wished_.wait(lock, stop, asked);
    } else {
      wished_.wait_for(lock, stop, kPushPause, asked);
    }
    if (stop.stop_requested()) {
      return;
    }
    if (!wishes_.empty()) {
      const Wish wish = std::move(wishes_.front());
      wishes_.pop_front();
      work_on(wish.function.revision, lock, [&] { record_once(wish, stop); });
    } else if (!due_.empty()) {
      const auto due = due_.extract(due_.begin());
      work_on(due.key(), lock, [&] { refresh(due.key(), due.mapped(), stop); });
    }
    lock.unlock();
    push();
    lock.lock();
  }
}

void Snapshots::work_on(const std::string& revision, std::unique_lock<std::mutex>& lock,
                        const std::function<void()>& task) {
  recording_ = revision;
  recording_removed_ = false;
  lock.unlock();
  task();
  lock.lock();
  recording_.clear();
}

void Snapshots::record_once(const Wish& wish, const std::stop_token& stop) {
  std::unique_ptr<hosts::Lease> lease;
  if (store_ != nullptr) {
    try {
      lease = hosts::Lease::take(*store_, lease_of(wish.function.revision));
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

void Snapshots::refresh(const std::string& revision, const std::string& function,
                        const std::stop_token& stop) {
  const auto current = find(revision);
  if (!current) {
    return;
  }
  const fs::path made = directory_ / (revision + kRefreshed);
  try {
    std::unique_ptr<hosts::Lease> lease;
    if (store_ != nullptr) {
      lease = hosts::Lease::take(*store_, lease_of(revision));
      if (lease == nullptr) {
        // Another host makes one, which the next restore finds.
        return;
      }
    }
    if (const auto next = refreshed(revision, *current, made, stop)) {
      log(LogLevel::info, function + ": " + std::to_string(next->info().touched_pages) +
                              " pages are recorded, before " +
                              std::to_string(current->info().touched_pages));
      replace(revision, made);
    }
  } catch (const hosts::StoreLost&) {
    // The next restore tries again.
    return;
  } catch (const std::exception& error) {
    std::error_code ignored;
    fs::remove_all(made, ignored);
    const std::lock_guard lock(mutex_);
    if (stop.stop_requested() || recording_removed_) {
      return;
    }
    metrics_.refresh("failed");
    log(LogLevel::error, function + ": its recording is not refreshed: " + error.what());
  }
  const std::lock_guard lock(mutex_);
  if (const auto known = refreshes_.find(revision); known != refreshes_.end()) {
    known->second.begin_anew();
  }
}

std::optional<faasnap::Snapshot> Snapshots::refreshed(const std::string& revision,
                                                      const faasnap::Snapshot& current,
                                                      const fs::path& target,
                                                      const std::stop_token& stop) {
  if (store_ != nullptr) {
    if (auto pulled = store_->pull_refreshed(revision, current.info(), target)) {
      metrics_.refresh("fetched");
      return pulled;
    }
  }
  std::vector<faasnap::WorkingSet> notes;
  {
    const std::lock_guard lock(mutex_);
    notes = refreshes_[revision].notes();
  }
  const auto recorded = current.working_set(faasnap::Recorder::userfaultfd);
  if (!recorded) {
    return std::nullopt;
  }
  const auto extended = faasnap::WorkingSet::with_misses(*recorded, notes, Refresh::kAtLeast);
  if (!Refresh::pays(extended.pages() - recorded->pages(), recorded->pages())) {
    metrics_.refresh("not_worth");
    return std::nullopt;
  }
  faasnap::SnapshotOptions options;
  options.working_set = &extended;
  options.thresholds = current.info().thresholds;
  options.progress = [&](faasnap::Bytes, faasnap::Bytes) { return !stop.stop_requested(); };
  auto made = current.derive(target, options);
  if (store_ != nullptr) {
    try {
      store_->push(revision, made);
    } catch (const std::exception& error) {
      // This host has it, and the others refresh their own.
      log(LogLevel::warning, revision + ": not pushed to the hosts' store: " + error.what());
    }
  }
  metrics_.refresh("refreshed");
  return made;
}

void Snapshots::replace(const std::string& revision, const fs::path& made) {
  const std::lock_guard lock(mutex_);
  if (!recording_removed_) {
    const fs::path target = directory_ / revision;
    exchange_durably(made, target);
    opened_.insert_or_assign(revision, faasnap::Snapshot::open(target));
  }
  // VMs and snapshots that are open keep their files.
  faasnap::Snapshot::remove(made);
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
    if (!recorded.no_userfaultfd.empty()) {
      log(LogLevel::warning, function.name +
                                 ": recorded without userfaultfd, so that vm.setting "
                                 "reap or stream is faasnap for it: " +
                                 recorded.no_userfaultfd);
    }
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
