// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <condition_variable>
#include <deque>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <thread>

#include <faasnap/snapshot.h>

#include "base/config.h"
#include "functions/function.h"
#include "functions/machine.h"
#include "hosts/store.h"
#include "metrics/metrics.h"
#include "policy/refresh.h"

namespace platform {

// The snapshots of functions, one for each revision, in a directory. A revision has a snapshot if
// the directory has one of its name: nothing else says so, so that it outlives any crash.
//
// Records those that are missing, and adds to recordings what VMs have missed (policy/refresh), on
// a thread of its own, one at a time. Safe from any thread.
class Snapshots {
 public:
  struct Description {
    std::string revision;
    std::uint64_t memory_bytes = 0;
    std::uint64_t nonzero_bytes = 0;
    std::uint64_t loading_set_bytes = 0;
    std::chrono::seconds created{0};
  };

  // Opens what is there, and removes what belongs to none of `revisions`. With a store, null for a
  // host on its own, what one host records the others fetch, and record it only if none does.
  Snapshots(const Config& config, MachineMaker& maker, Metrics& metrics, hosts::Store* store,
            const std::set<std::string>& revisions);
  // Ends a recording that is under way.
  ~Snapshots();

  std::optional<faasnap::Snapshot> find(const std::string& revision) const;
  // The same, but for a function whose snapshot another host has recorded, fetches it first.
  std::optional<faasnap::Snapshot> find_or_fetch(const Function& function);
  // Records the function with the event, unless that has been done, is about to be, or has failed
  // too often.
  void want(const Function& function, const std::string& event);
  // Notes what the machine has missed since it was restored, once, and has the recording refreshed
  // if the policy says so.
  void note_misses(Machine& machine);
  // The same for misses of a VM that was restored from `restored`.
  void note_misses(const std::string& function, const std::string& revision,
                   const faasnap::Snapshot& restored, const faasnap::WorkingSet& misses);
  // Removes the revision's snapshot, and forgets its failures.
  void remove(const std::string& revision);
  std::vector<Description> list() const;
  // The revision that is being recorded or whose recording is being refreshed; empty if there is
  // none.
  std::string recording() const;

 private:
  struct Wish {
    Function function;
    std::string event;
  };

  void work(const std::stop_token& stop);
  // Does `task` without the lock, with the revision as the one that is being recorded.
  void work_on(const std::string& revision, std::unique_lock<std::mutex>& lock,
               const std::function<void()>& task);
  // Records it, unless another host does or has.
  void record_once(const Wish& wish, const std::stop_token& stop);
  void record(const Wish& wish, const std::stop_token& stop);
  // Makes the revision's snapshot anew with what was missed, or takes over what another host has
  // made.
  void refresh(const std::string& revision, const std::string& function,
               const std::stop_token& stop);
  // Returns the snapshot that is to replace `current`, made in `target`; nothing if none is worth
  // it. Throws faasnap::Error and hosts::StoreLost.
  std::optional<faasnap::Snapshot> refreshed(const std::string& revision,
                                             const faasnap::Snapshot& current,
                                             const std::filesystem::path& target,
                                             const std::stop_token& stop);
  // Puts the snapshot in `made` in the place of the revision's.
  void replace(const std::string& revision, const std::filesystem::path& made);
  // Pushes what the store does not have yet.
  void push();

  const Config& config_;
  MachineMaker& maker_;
  Metrics& metrics_;
  hosts::Store* const store_;
  const std::filesystem::path directory_;
  // Held by a fetch.
  std::mutex fetching_;
  mutable std::mutex mutex_;
  std::condition_variable_any wished_;
  std::map<std::string, faasnap::Snapshot> opened_;
  std::map<std::string, unsigned> failures_;
  std::deque<Wish> wishes_;
  // What is known of misses, and whose recordings are to be refreshed: names of functions; both by
  // revision.
  std::map<std::string, Refresh> refreshes_;
  std::map<std::string, std::string> due_;
  // Snapshots that the store may not have.
  std::set<std::string> unpushed_;
  std::string recording_;
  bool recording_removed_ = false;
  std::jthread thread_;
};

}  // namespace platform
