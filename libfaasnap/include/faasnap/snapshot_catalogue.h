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
#include <faasnap/units.h>

namespace faasnap {

// Snapshots that several hosts share (docs/guide/catalogue.md): their manifests and recordings are
// kept by a Redis server, their large files in a directory that every host mounts. A name stands
// for one memory image; each push of that image with other recordings adds a version.
//
// For one thread at a time; any number of catalogues, on any hosts, may use the same server and
// directory. Errors of the server are as of RedisStore.
class FAASNAP_EXPORT SnapshotCatalogue {
 public:
  struct Version {
    // From 1 on.
    unsigned number = 0;
    // Since the Unix epoch, by the clock of the host that pushed it, and that host's name.
    Nanoseconds pushed{0};
    std::string host;
    SnapshotInfo info;
    // Of the snapshot's own files, holes included.
    Bytes size;
  };
  struct Entry {
    std::string name;
    // Oldest first; at least one.
    std::vector<Version> versions;
  };
  struct Pushed {
    unsigned version = 0;
    // False when that very version was there.
    bool added = false;
  };

  // `directory` must exist. `redis.prefix` keeps catalogues on one server apart, as it does stores.
  SnapshotCatalogue(RedisOptions redis, std::filesystem::path directory);
  SnapshotCatalogue(SnapshotCatalogue&& other) noexcept;
  SnapshotCatalogue& operator=(SnapshotCatalogue&& other) noexcept;
  ~SnapshotCatalogue();

  // By name.
  std::vector<Entry> list();
  std::optional<Entry> find(const std::string& name);

  // Publishes the snapshot, and the kernel and images that it names, under a name of 1 to 128 of
  // [A-Za-z0-9_.-], not beginning with '.'. Nothing is to be seen in the catalogue before all files
  // are there; a push that was interrupted is repeated, and copies what is missing. Trusts the
  // snapshot's checksums: verify() it before.
  //
  // ErrorKind::already_exists when the name stands for another image, unless `replace`: then this
  // snapshot takes the name, and its files are written anew.
  Pushed push(const Snapshot& snapshot, const std::string& name, bool replace = false,
              const Progress& progress = {});

  // Makes the new directory `target` of a version, 0 being the newest, and opens it: whole and
  // verified, or not at all. Where this host lacks the kernel or an image, or has another one in
  // its place, the snapshot names the copy in the shared directory.
  //
  // ErrorKind::not_found when there is no such name, version or file.
  Snapshot pull(const std::string& name, const std::filesystem::path& target, unsigned version = 0,
                const Progress& progress = {});

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace faasnap
