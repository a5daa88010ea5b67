#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include <faasnap/redis_options.h>

#include "catalogue/version.h"
#include "redis/client.h"

namespace faasnap::catalogue {

// The part of a catalogue that Redis keeps (docs/guide/catalogue.md). For one thread at a time.
// What is read back is text of strangers: who uses it checks it.
class CatalogueRecords {
 public:
  using Version = CatalogueVersion;
  // What a name stands for.
  struct Record {
    std::string id;
    // Number 1 first; without their recordings.
    std::vector<Version> versions;
  };

  explicit CatalogueRecords(const RedisOptions& options);

  // Sorted.
  std::vector<std::string> names();
  std::optional<Record> find(const std::string& name);
  // All of one version, as it was at one moment; nothing when there is none such.
  std::optional<Version> version(const std::string& name, unsigned number);
  // Adds a version of the image `id`, behind those that `before` has, or in the place of what the
  // name stood for. False, and nothing done, when `before` is no longer what there is.
  bool add(const std::string& name, const std::optional<Record>& before, const std::string& id,
           const Version& version, bool replace);

  // For messages.
  const std::string& address() const noexcept { return address_; }

 private:
  using Texts = std::vector<HashField>;

  std::string key_of(const std::string& name) const;
  Texts fields(redis::RedisLink& link, const std::string& key,
               std::span<const std::string> names) const;
  std::optional<Record> find(redis::RedisLink& link, const std::string& name) const;
  bool try_to_add(redis::RedisLink& link, const std::string& name,
                  const std::optional<Record>& before, const std::string& id,
                  const Version& version, bool replace) const;

  std::string address_;
  std::string root_;
  redis::RedisClient client_;
};

}  // namespace faasnap::catalogue
