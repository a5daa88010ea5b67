// SPDX-License-Identifier: Apache-2.0

#include "functions/fleet.h"

#include <algorithm>

#include <faasnap/error.h>

#include "base/log.h"

namespace platform {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kLook{1};

bool damaged(faasnap::ErrorKind kind) {
  using enum faasnap::ErrorKind;
  return kind == corrupt || kind == version || kind == not_found;
}

}  // namespace

Fleet::Fleet(const Config& config, const Images& images, MachineMaker& maker, Snapshots& snapshots,
             Metrics& metrics)
    : config_(config), images_(images), maker_(maker), snapshots_(snapshots), metrics_(metrics) {
  thread_ = std::jthread([this](const std::stop_token& stop) { maintain(stop); });
}

Fleet::~Fleet() = default;

std::unique_ptr<Machine> Fleet::take(const Function& function) {
  std::unique_ptr<Machine> machine;
  // One that has ended while it idled is of no use, and says why only here.
  while ((machine = take_idle(function.revision)) != nullptr) {
    if (!is_final(machine->vm.state())) {
      machine->start = Start::warm;
      return machine;
    }
    metrics_.vm_lost();
  }
  if (auto prepared = take_prepared(function)) {
    return maker_.start(std::move(prepared));
  }
  return make(function);
}

std::unique_ptr<Machine> Fleet::make(const Function& function) {
  images_.provide(function);
  if (const auto snapshot = snapshots_.find_or_fetch(function)) {
    try {
      return maker_.restore(function, *snapshot);
    } catch (const faasnap::Error& error) {
      if (!damaged(error.kind())) {
        throw;
      }
      // The next invocation records it anew.
      log(LogLevel::error, function.name + ": snapshot removed: " + error.what());
      metrics_.snapshot_lost();
      snapshots_.remove(function.revision);
    }
  }
  return maker_.boot(function);
}

void Fleet::give_back(std::unique_ptr<Machine> machine) {
  const std::lock_guard lock(mutex_);
  machine->idle_since = Clock::now();
  idle_.push_back(std::move(machine));
}

void Fleet::shrink(std::uint64_t memory_mib) {
  std::list<std::unique_ptr<Machine>> ended;
  const std::lock_guard lock(mutex_);
  std::uint64_t used = 0;
  for (const auto& machine : idle_) {
    used += machine->memory_mib;
  }
  while (used > memory_mib) {
    used -= idle_.front()->memory_mib;
    ended.splice(ended.end(), idle_, idle_.begin());
    metrics_.eviction("memory");
  }
}

void Fleet::remove(const std::string& revision) {
  std::list<std::unique_ptr<Machine>> machines;
  std::list<std::unique_ptr<PreparedMachine>> prepared;
  const std::lock_guard lock(mutex_);
  supply_.erase(revision);
  for (auto each = idle_.begin(); each != idle_.end();) {
    const auto here = each++;
    if ((*here)->revision == revision) {
      machines.splice(machines.end(), idle_, here);
    }
  }
  for (auto each = prepared_.begin(); each != prepared_.end();) {
    const auto here = each++;
    if ((*here)->revision == revision) {
      prepared.splice(prepared.end(), prepared_, here);
    }
  }
}

std::vector<Fleet::Description> Fleet::idle() const {
  const std::lock_guard lock(mutex_);
  std::vector<Description> list;
  for (const auto& machine : idle_) {
    list.push_back({.function = machine->function,
                    .revision = machine->revision,
                    .vm = machine->vm.id(),
                    .invocations = machine->invocations,
                    .memory_mib = machine->memory_mib,
                    .idle = std::chrono::duration_cast<std::chrono::seconds>(Clock::now() -
                                                                             machine->idle_since)});
  }
  return list;
}

std::vector<Fleet::Description> Fleet::prepared() const {
  const std::lock_guard lock(mutex_);
  std::vector<Description> list;
  for (const auto& machine : prepared_) {
    list.push_back({.function = machine->function,
                    .revision = machine->revision,
                    .memory_mib = machine->memory_mib});
  }
  return list;
}

std::unique_ptr<Machine> Fleet::take_idle(const std::string& revision) {
  const std::lock_guard lock(mutex_);
  // The one that has idled shortest: the others may then end.
  const auto found = std::find_if(idle_.rbegin(), idle_.rend(),
                                  [&](const auto& each) { return each->revision == revision; });
  if (found == idle_.rend()) {
    return nullptr;
  }
  std::unique_ptr<Machine> machine = std::move(*found);
  idle_.erase(std::prev(found.base()));
  return machine;
}

std::unique_ptr<PreparedMachine> Fleet::take_prepared(const Function& function) {
  const std::lock_guard lock(mutex_);
  supply_.try_emplace(function.revision, Supply{function, {}})
      .first->second.demand.start(Clock::now());
  const auto found = std::ranges::find_if(
      prepared_, [&](const auto& each) { return each->revision == function.revision; });
  changed_.notify_all();
  if (found == prepared_.end()) {
    return nullptr;
  }
  std::unique_ptr<PreparedMachine> machine = std::move(*found);
  prepared_.erase(found);
  return machine;
}

void Fleet::maintain(const std::stop_token& stop) {
  // After a failure nothing is prepared for a while: invocations tell what is wrong.
  Clock::time_point quiet_until{};
  while (!stop.stop_requested()) {
    expired();
    surplus();
    const auto function = Clock::now() < quiet_until ? std::nullopt : undersupplied();
    const auto snapshot = function ? snapshots_.find(function->revision) : std::nullopt;
    if (!snapshot) {
      std::unique_lock lock(mutex_);
      changed_.wait_for(lock, stop, kLook, [] { return false; });
      continue;
    }
    try {
      auto machine = maker_.prepare(*function, *snapshot);
      const std::lock_guard lock(mutex_);
      if (supply_.contains(machine->revision)) {
        prepared_.push_back(std::move(machine));
      }
    } catch (const faasnap::Error& error) {
      log(LogLevel::warning, function->name + ": not prepared: " + error.what());
      quiet_until = Clock::now() + Demand::kWindow;
    }
  }
}

std::list<std::unique_ptr<Machine>> Fleet::expired() {
  std::list<std::unique_ptr<Machine>> ended;
  const std::lock_guard lock(mutex_);
  const auto oldest = Clock::now() - config_.vm.keep_idle;
  while (!idle_.empty() && idle_.front()->idle_since <= oldest) {
    ended.splice(ended.end(), idle_, idle_.begin());
    metrics_.eviction("idle");
  }
  return ended;
}

std::list<std::unique_ptr<PreparedMachine>> Fleet::surplus() {
  std::list<std::unique_ptr<PreparedMachine>> ended;
  const std::lock_guard lock(mutex_);
  for (auto each = prepared_.begin(); each != prepared_.end();) {
    const auto here = each++;
    Supply& supply = supply_.at((*here)->revision);
    if (prepared_of((*here)->revision) > supply.demand.target(Clock::now(), config_.vm.prepared)) {
      ended.splice(ended.end(), prepared_, here);
    }
  }
  return ended;
}

std::optional<Function> Fleet::undersupplied() {
  const std::lock_guard lock(mutex_);
  for (auto& [revision, supply] : supply_) {
    if (prepared_of(revision) < supply.demand.target(Clock::now(), config_.vm.prepared) &&
        snapshots_.find(revision)) {
      return supply.function;
    }
  }
  return std::nullopt;
}

std::size_t Fleet::prepared_of(const std::string& revision) const {
  return static_cast<std::size_t>(std::ranges::count_if(
      prepared_, [&](const auto& each) { return each->revision == revision; }));
}

}  // namespace platform
