// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include <faasnap/guest_limits.h>
#include <faasnap/object_store.h>
#include <faasnap/progress.h>
#include <faasnap/redis_options.h>

#include "settings/config.h"
#include "settings/options.h"

namespace faasnap::cli {

// The object store of a command.
struct ChosenStore {
  // The directory or the server's address, for messages.
  std::string name;
  std::shared_ptr<ObjectStore> objects;
};

// Adds --store and --redis.
void add_store_options(CommandLine& line);
// Opens the store that the options choose, else the settings file, else the default directory. A
// Redis server must answer. Throws UsageError if one place names both a directory and a server, or
// if there is no home for the default.
ChosenStore open_store(const CommandLine& line, const Config& config);

// Returns what the guests may do with the store, by the settings file.
StoreLimits store_limits(const Config& config);

struct FillCounts {
  std::uint64_t put = 0;
  // Objects that were there already.
  std::uint64_t kept = 0;
  // Size of those that were put.
  Bytes bytes;
};
// Puts each file of the directory under its name, unless the store has the key and `replace` is
// false. Calls `begin` before each file that it puts. Throws Failure if a file cannot be read.
FillCounts fill_store(ObjectStore& store, const std::filesystem::path& directory, bool replace,
                      const std::function<void(const std::string& key)>& begin,
                      const Progress& progress = {});

// Returns the options with the password read from its file. `redis` must have an address.
RedisOptions redis_options(const RedisConfig& redis);

}  // namespace faasnap::cli
