// SPDX-License-Identifier: Apache-2.0

#include "settings/store_settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <system_error>
#include <vector>

#include <faasnap/directory_store.h>
#include <faasnap/redis_store.h>

#include "output/file_content.h"
#include "tools/failure.h"

namespace faasnap::cli {
namespace {

namespace fs = std::filesystem;

fs::path default_store() {
  for (const auto& [name, below] :
       {std::pair{"XDG_STATE_HOME", "faasnap/store"}, {"HOME", ".local/state/faasnap/store"}}) {
    const char* value = std::getenv(name);
    if (value != nullptr && *value != '\0') {
      return fs::path(value) / below;
    }
  }
  throw tools::UsageError("--store is missing, and so are $XDG_STATE_HOME and $HOME");
}

// Returns the first line of the file.
std::string read_password(const fs::path& file) {
  std::ifstream stream(file);
  std::string password;
  if (fs::is_directory(file) || !std::getline(stream, password) || password.empty()) {
    throw tools::Failure(fmt::format(
        "password_file {}: the first line is empty, expected the password", file.string()));
  }
  return password;
}

ChosenStore open_directory(const fs::path& directory) {
  return {directory.string(), std::make_shared<DirectoryStore>(directory)};
}

ChosenStore open_redis(const RedisConfig& redis) {
  const RedisOptions options = redis_options(redis);
  auto store = std::make_shared<RedisStore>(options);
  store->ping();
  return {options.address, std::move(store)};
}

// Returns the files of the directory, sorted by name.
std::vector<fs::path> files_of(const fs::path& directory) {
  std::vector<fs::path> files;
  std::error_code error;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end;
       entry.increment(error)) {
    std::error_code gone;
    if (entry->is_regular_file(gone)) {
      files.push_back(entry->path());
    }
  }
  if (error) {
    throw tools::Failure(fmt::format("{}: {}", directory.string(), error.message()));
  }
  std::ranges::sort(files);
  return files;
}

}  // namespace

void add_store_options(CommandLine& line) {
  line.option("store", "DIR",
              "directory of the functions' object store (default: faasnap/store below "
              "$XDG_STATE_HOME or ~/.local/state)");
  line.option("redis", "ADDRESS",
              "use the Redis server at HOST:PORT or a Unix socket as the store; its password is "
              "in the settings file");
}

ChosenStore open_store(const CommandLine& line, const Config& config) {
  const auto directory = line.optional_text("store");
  const auto redis = line.optional_text("redis");
  if (directory && redis) {
    throw tools::UsageError("--store and --redis exclude each other");
  }
  RedisConfig server = config.store.redis;
  if (directory) {
    return open_directory(*directory);
  }
  if (redis) {
    server.address = *redis;
    return open_redis(server);
  }
  if (config.store.directory && server.address) {
    throw tools::UsageError("the settings file has both 'dir' and 'redis' in [store]");
  }
  if (server.address) {
    return open_redis(server);
  }
  return open_directory(config.store.directory.value_or(fs::path()).empty()
                            ? default_store()
                            : *config.store.directory);
}

StoreLimits store_limits(const Config& config) {
  StoreLimits limits;
  limits.read_only = config.store.read_only;
  limits.stored = config.store.quota.value_or(limits.stored);
  return limits;
}

FillCounts fill_store(ObjectStore& store, const fs::path& directory, bool replace,
                      const std::function<void(const std::string& key)>& begin,
                      const Progress& progress) {
  FillCounts counts;
  for (const fs::path& file : files_of(directory)) {
    const std::string key = file.filename().string();
    if (!replace && store.size(key)) {
      ++counts.kept;
      continue;
    }
    begin(key);
    const FileContent content(file.string());
    store.set(key, content.bytes(), progress);
    ++counts.put;
    counts.bytes += Bytes{content.bytes().size()};
  }
  return counts;
}

RedisOptions redis_options(const RedisConfig& redis) {
  if (redis.password && redis.password_file) {
    throw tools::UsageError("the settings file has both 'password' and 'password_file'");
  }
  RedisOptions options;
  options.address = redis.address.value();
  options.username = redis.user.value_or("");
  options.password =
      redis.password_file ? read_password(*redis.password_file) : redis.password.value_or("");
  options.database = redis.database;
  options.prefix = redis.prefix.value_or("");
  if (redis.tls) {
    options.tls = {.authorities = redis.tls_ca.value_or(""),
                   .certificate = redis.tls_cert.value_or(""),
                   .key = redis.tls_key.value_or(""),
                   .server_name = redis.tls_name.value_or("")};
  } else if (redis.tls_ca || redis.tls_cert || redis.tls_key || redis.tls_name) {
    throw tools::UsageError("the settings file has options of TLS without 'tls = true'");
  }
  return options;
}

}  // namespace faasnap::cli
