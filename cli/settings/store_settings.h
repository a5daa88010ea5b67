#pragma once

#include <filesystem>
#include <variant>

#include <faasnap/redis.h>

#include "settings/config.h"
#include "settings/options.h"

namespace faasnap::cli {

// Where the objects of functions are kept: in a directory, or by a Redis server. An option comes
// before the settings file, that before the default.
using StoreChoice = std::variant<std::filesystem::path, RedisOptions>;

// --store and --redis.
void add_store_options(CommandLine& line);
// Throws UsageError if both are named in one place, or neither is named and there is no home.
StoreChoice choose_store(const CommandLine& line, const Config& config);

// With the password read from its file. `redis` has an address.
RedisOptions redis_options(const RedisConfig& redis);

}  // namespace faasnap::cli
