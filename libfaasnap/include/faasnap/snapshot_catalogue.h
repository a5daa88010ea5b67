// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <faasnap/export.h>
#include <faasnap/progress.h>
#include <faasnap/redis_options.h>
#include <faasnap/snapshot.h>
#include <faasnap/snapshot_signature.h>
#include <faasnap/units.h>

namespace faasnap {

// Snapshots that several hosts share (docs/guide/catalogue.md). A Redis server keeps their
// manifests and recordings, a directory that every host mounts keeps their large files. A name
// stands for one memory image; each push of that image with other recordings adds a version.
//
// May be used from any thread. Any number of catalogues, on any hosts, may use the same server and
// directory. Errors: as RedisStore; ErrorKind::corrupt for damaged records and files;
// ErrorKind::invalid_argument for an invalid name.
class FAASNAP_EXPORT SnapshotCatalogue {
 public:
  struct Version {
    // From 1.
    unsigned number = 0;
    // Time of the push since the Unix epoch, by the clock of the host that pushed, and its name.
    Nanoseconds pushed{0};
    std::string host;
    SnapshotInfo info;
    // Size of the snapshot's own files, including holes.
    Bytes size;
  };
  struct Entry {
    std::string name;
    // Oldest first; at least one.
    std::vector<Version> versions;
  };
  struct Pushed {
    unsigned version = 0;
    // False if the catalogue had that version already.
    bool added = false;
  };

  // Throws ErrorKind::not_found if `directory` does not exist. Does not connect. `redis.prefix`
  // separates catalogues on one server.
  SnapshotCatalogue(RedisOptions redis, std::filesystem::path directory);
  SnapshotCatalogue(SnapshotCatalogue&& other) noexcept;
  SnapshotCatalogue& operator=(SnapshotCatalogue&& other) noexcept;
  ~SnapshotCatalogue();

  // Returns all entries, sorted by name.
  std::vector<Entry> list();
  // Returns nothing if the name does not exist.
  std::optional<Entry> find(const std::string& name);

  // Publishes the snapshot, with the kernel and images that it names, under a name of 1 to 128 of
  // [A-Za-z0-9_.-] that does not start with '.'. Other hosts see the version once all of its files
  // are there; repeating an interrupted push copies only what is missing. Trusts the checksums of
  // the snapshot: call Snapshot::verify() first.
  //
  // The bases of a layer are pushed first, each under its id, unless the catalogue has them under
  // any name: what layers share is in the catalogue once. `progress` begins anew for each.
  //
  // Throws ErrorKind::already_exists if the name stands for another image, unless `replace`: then
  // the snapshot replaces everything under the name, and its files are written again.
  Pushed push(const Snapshot& snapshot, const std::string& name, bool replace = false,
              const Progress& progress = {});

  // Copies a version (0: the newest) to the new directory `target`, verifies it and opens it. On
  // failure `target` does not exist. If this host has no kernel or image at the recorded path, or
  // another one, the snapshot names the copy in the shared directory.
  //
  // A base that is not found beside `target` is pulled first, to a directory there that has its id
  // as its name, and stays if the rest fails.
  //
  // With `keys`, one of them must have signed the version, and all of it is held against the
  // signature; the snapshot that is returned was opened with them (open_signed).
  //
  // Throws ErrorKind::not_found if there is no such name, version or file, and with `keys`
  // ErrorKind::untrusted.
  Snapshot pull(const std::string& name, const std::filesystem::path& target, unsigned version = 0,
                const Progress& progress = {}, const TrustedKeys* keys = nullptr);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace faasnap
