// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <faasnap/redis_options.h>
#include <faasnap/snapshot.h>

#include "base/config.h"
#include "hosts/redis_link.h"

namespace platform::hosts {

// What the hosts of one platform share (docs/design/platform.md): on a Redis server the records of
// functions, and with it and a directory that every host mounts a catalogue of snapshots. Every
// change of a record has a number, counted over all functions. Safe from any thread.
//
// Everyone who may write to either is trusted. Throws StoreLost while the server does not answer.
class Store {
 public:
  // A record as it is since the change `number`.
  struct Record {
    std::string function{};
    std::uint64_t number = 0;
    // Nothing if the function was deleted.
    std::optional<std::string> text{};
  };
  struct Changes {
    // A random name of what the server holds: another one after it has lost everything.
    std::string store{};
    // The latest change's number.
    std::uint64_t number = 0;
    std::vector<Record> records{};
  };

  // Does not connect. Throws std::runtime_error that names the setting if one is wrong or missing,
  // or the file of the password cannot be read.
  explicit Store(const HostsPolicy& policy);

  // Returns what has changed after the change `number` of `store`, or everything if the server
  // holds another one, as it is at one moment.
  Changes since(const std::string& store, std::uint64_t number);
  // Writes a record in place of the one that the change `before` has made, 0 if the function must
  // not exist. Returns the new number. Throws RequestError, Refusal::conflict, if another host was
  // faster. To write what is there already changes nothing.
  std::uint64_t put(const std::string& function, const std::string& text, std::uint64_t before);
  // Deletes a record, on the same condition.
  std::uint64_t remove(const std::string& function, std::uint64_t before);
  // Writes a record that this host knows as of the change `number` unless the store knows that
  // change or a later one of the function: a store that has forgotten it has it again.
  void restore(const std::string& function, const std::string& text, std::uint64_t number);

  RedisLink::Health health() const noexcept { return link_.health(); }

  // Where the archives of a function are.
  std::filesystem::path archives(const std::string& function) const;

  // Takes or extends the lease of a name, for `time`; false if another host has it.
  bool lease(const std::string& name, std::chrono::seconds time);
  void give_up(const std::string& name);

  // Fetches the snapshot of a revision to the new directory `target`; nothing if no host has pushed
  // it. Throws faasnap::Error.
  std::optional<faasnap::Snapshot> pull(const std::string& revision,
                                        const std::filesystem::path& target);
  bool has_snapshot(const std::string& revision);
  // The same for a version whose recording has more pages than that of `known`, a snapshot of the
  // same image; nothing if no host has pushed one.
  std::optional<faasnap::Snapshot> pull_refreshed(const std::string& revision,
                                                  const faasnap::SnapshotInfo& known,
                                                  const std::filesystem::path& target);
  // Adds a version, if there are others. Throws faasnap::Error.
  void push(const std::string& revision, const faasnap::Snapshot& snapshot);
  // Makes the catalogue forget the snapshot of a revision, if it has one.
  void forget_snapshot(const std::string& revision);

 private:
  std::string key(const std::string& name) const;
  std::uint64_t change(const std::string& function, const std::string& text, bool exists,
                       std::uint64_t before);

  const std::filesystem::path directory_;
  const faasnap::RedisOptions redis_;
  const std::string host_;
  RedisLink link_;
};

}  // namespace platform::hosts
