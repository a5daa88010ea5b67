// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include <faasnap/redis_options.h>

#include "catalogue/version.h"
#include "redis/client.h"

namespace faasnap::catalogue {

// The part of a catalogue that Redis keeps (docs/guide/catalogue.md). May be used from any thread.
// What it returns was written by other hosts and is not checked. Errors: as RedisStore, and
// ErrorKind::corrupt for records that are not what the catalogue writes.
class CatalogueRecords {
 public:
  using Version = CatalogueVersion;
  // What a name stands for.
  struct Record {
    std::string id;
    // In the order of their numbers, from 1; without their recordings.
    std::vector<Version> versions;
  };

  explicit CatalogueRecords(const RedisOptions& options);

  // Returns the names, sorted.
  std::vector<std::string> names();
  // Returns nothing if the name does not exist.
  std::optional<Record> find(const std::string& name);
  // Returns one version with its recordings, as it was at one moment, or nothing if it does not
  // exist.
  std::optional<Version> version(const std::string& name, unsigned number);
  // Adds a version of the image `id` after those of `before`, or if `replace`, in place of
  // everything under the name. Returns false, and changes nothing, if the record is no longer
  // `before`.
  bool add(const std::string& name, const std::optional<Record>& before, const std::string& id,
           const Version& version, bool replace);

  // The server's address, for messages.
  const std::string& address() const noexcept { return address_; }

 private:
  using Texts = std::vector<HashField>;

  std::string key_of(const std::string& name) const;
  Texts fields(redis::Connection& connection, const std::string& key,
               std::span<const std::string> names) const;
  std::optional<Record> find(redis::Connection& connection, const std::string& name) const;
  bool try_to_add(redis::Connection& connection, const std::string& name,
                  const std::optional<Record>& before, const std::string& id,
                  const Version& version, bool replace) const;

  const std::string address_;
  const std::string root_;
  redis::Client client_;
};

}  // namespace faasnap::catalogue
