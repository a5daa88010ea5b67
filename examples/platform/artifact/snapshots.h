// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include <faasnap/snapshot.h>
#include <faasnap/working_set.h>

#include "artifact/body.h"
#include "artifact/directory.h"
#include "artifact/functions.h"
#include "artifact/restore_choice.h"
#include "artifact/traces.h"
#include "artifact/vms.h"
#include "functions/machine.h"

namespace platform::artifact {

// A snapshot that a client has made. The path that the client calls its memory file is a directory
// here, and holds the whole snapshot, with what is made from recordings.
class GuestSnapshot {
 public:
  GuestSnapshot(std::string id, GuestFunction function, std::string vm, faasnap::Snapshot snapshot);

  const std::string& id() const noexcept { return id_; }
  const GuestFunction& function() const noexcept { return function_; }
  // The VM that it was made of.
  const std::string& vm() const noexcept { return vm_; }
  const std::filesystem::path& directory() const noexcept { return directory_; }

  faasnap::Snapshot snapshot() const;
  SnapshotSets sets() const;
  // Adds the recording to the snapshot, or puts it in place of one by the same recorder, and makes
  // the sets of all recordings anew. VMs keep what they were restored from.
  void add_recording(const faasnap::WorkingSet& recording,
                     const faasnap::LoadingSetThresholds& thresholds = {});

  // Returns the right to record for REAP, which one VM has at a time; null if a VM has it.
  std::shared_ptr<const void> claim_reap_recording();

 private:
  const std::string id_;
  const GuestFunction function_;
  const std::string vm_;
  const std::filesystem::path directory_;
  // Held by a change of the directory.
  std::mutex changing_;
  // Protects the members below.
  mutable std::mutex mutex_;
  faasnap::Snapshot snapshot_;
  SnapshotSets sets_;
  std::weak_ptr<const void> reap_claim_;
};

// The snapshots that clients have made since the start. Throws RequestError, faasnap::Error and
// std::system_error. Safe from any thread.
class Snapshots {
 public:
  static constexpr std::size_t kMost = 10'000;

  Snapshots(const std::filesystem::path& directory, MachineMaker& maker)
      : directory_(directory), maker_(maker) {}

  // POST /snapshots: replaces what is at the path.
  Json make(const Body& body, Vms& vms, RequestTrace& trace);
  // PUT /snapshots: a copy that shares nothing with the original.
  Json copy(const std::string& id, const std::string& path);
  // PATCH /snapshots/ID.
  void change(const std::string& id, const Body& body);

  // GET, PUT and PATCH /snapshots/ID/mincore.
  Json recording(const std::string& id) const;
  void carry_over(const std::string& id, const std::string& source);
  void change_recording(const std::string& id, const Body& body, RequestTrace& trace);
  // PATCH /snapshots/ID/reap with false.
  void drop_reap_set(const std::string& id);

  std::shared_ptr<GuestSnapshot> find(const std::string& id) const;
  // What /ui/data shows.
  Json overview() const;

 private:
  std::shared_ptr<GuestSnapshot> keep(GuestFunction function, const std::string& vm,
                                      faasnap::Snapshot snapshot);
  // Makes room at the path, and forgets the snapshot that was there.
  void clear(const char* member, const std::filesystem::path& path);
  void make_loading_set(GuestSnapshot& snapshot, const Body& body);

  const Directory directory_;
  MachineMaker& maker_;
  mutable std::mutex mutex_;
  std::map<std::string, std::shared_ptr<GuestSnapshot>> snapshots_;
};

}  // namespace platform::artifact
