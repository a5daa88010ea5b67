// SPDX-License-Identifier: Apache-2.0

#include "settings/config.h"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <cstdlib>
#include <fstream>
#include <functional>
#include <map>
#include <sstream>

#include "settings/options.h"
#include "tools/failure.h"

namespace faasnap::cli {
namespace {

namespace fs = std::filesystem;

class Reader {
 public:
  explicit Reader(fs::path file) : file_(std::move(file)) {}

  Config read() {
    const toml::table table = parse();
    for (const auto& [key, value] : table) {
      const auto* section = value.as_table();
      if (!sections_.contains(key.str()) || section == nullptr) {
        reject(key.source(), fmt::format("unknown section [{}]", key.str()));
      }
      read_section(key.str(), *section);
    }
    return config_;
  }

 private:
  using Take = std::function<void(const toml::key&, const toml::node&)>;
  using Section = std::map<std::string_view, Take>;

  toml::table parse() const {
    std::ifstream stream(file_);
    std::ostringstream text;
    if (fs::is_directory(file_) || !stream || !(text << stream.rdbuf())) {
      throw tools::UsageError(fmt::format("{}: cannot be read", file_.string()));
    }
    try {
      return toml::parse(text.str());
    } catch (const toml::parse_error& error) {
      reject(error.source(), std::string(error.description()));
    }
  }

  void read_section(std::string_view name, const toml::table& section) {
    const Section& known = sections_.at(name);
    for (const auto& [key, value] : section) {
      const auto entry = known.find(key.str());
      if (entry == known.end()) {
        reject(key.source(), fmt::format("unknown key '{}' in [{}]", key.str(), name));
      }
      entry->second(key, value);
    }
  }

  [[noreturn]] void reject(const toml::source_region& where, const std::string& reason) const {
    throw tools::UsageError(fmt::format("{}:{}: {}", file_.string(), where.begin.line, reason));
  }

  std::string text(const toml::key& key, const toml::node& value) const {
    const auto found = value.value_exact<std::string>();
    if (!found || found->empty()) {
      reject(key.source(), fmt::format("'{}' must be a string", key.str()));
    }
    return *found;
  }

  std::uint64_t number(const toml::key& key, const toml::node& value, std::int64_t most) const {
    const auto found = value.value_exact<std::int64_t>();
    if (!found || *found < 0 || *found > most) {
      reject(key.source(), fmt::format("'{}' must be a number from 0 to {}", key.str(), most));
    }
    return static_cast<std::uint64_t>(*found);
  }

  bool flag(const toml::key& key, const toml::node& value) const {
    const auto found = value.value_exact<bool>();
    if (!found) {
      reject(key.source(), fmt::format("'{}' must be true or false", key.str()));
    }
    return *found;
  }

  // `Flag` is a bool, or an optional one.
  template <typename Flag>
  Take take_flag(Flag& into) {
    return
        [this, &into](const toml::key& key, const toml::node& value) { into = flag(key, value); };
  }

  // Turns the error of an option's parser into one that names the place in the file.
  template <typename Value>
  Value parsed(const toml::key& key, const toml::node& value,
               Value (*convert)(const std::string&, const std::string&)) const {
    try {
      return convert(text(key, value), fmt::format("'{}' =", key.str()));
    } catch (const tools::UsageError& error) {
      const std::string reason = error.what();
      if (reason.starts_with(file_.string())) {
        throw;
      }
      reject(key.source(), reason);
    }
  }

  Take take_path(std::optional<fs::path>& into) {
    return [this, &into](const toml::key& key, const toml::node& value) {
      into = file_.parent_path() / text(key, value);
    };
  }

  Take take_paths(std::vector<fs::path>& into) {
    return [this, &into](const toml::key& key, const toml::node& value) {
      const toml::array* files = value.as_array();
      if (files == nullptr || files->empty()) {
        reject(key.source(), fmt::format("'{}' must be a list of files", key.str()));
      }
      for (const toml::node& file : *files) {
        into.push_back(file_.parent_path() / text(key, file));
      }
    };
  }

  Take take_text(std::optional<std::string>& into) {
    return
        [this, &into](const toml::key& key, const toml::node& value) { into = text(key, value); };
  }

  // A section that names a directory and a Redis server.
  Section shared_section(std::optional<fs::path>& directory, RedisConfig& redis) {
    return {{"dir", take_path(directory)},
            {"redis", take_text(redis.address)},
            {"user", take_text(redis.user)},
            {"password", take_text(redis.password)},
            {"password_file", take_path(redis.password_file)},
            {"prefix", take_text(redis.prefix)},
            {"database",
             [this, &redis](const toml::key& key, const toml::node& value) {
               redis.database = static_cast<unsigned>(number(key, value, kMostDatabases));
             }},
            {"tls", take_flag(redis.tls)},
            {"tls_ca", take_path(redis.tls_ca)},
            {"tls_cert", take_path(redis.tls_cert)},
            {"tls_key", take_path(redis.tls_key)},
            {"tls_name", take_text(redis.tls_name)}};
  }

  Section store_section() {
    Section section = shared_section(config_.store.directory, config_.store.redis);
    section["read_only"] = take_flag(config_.store.read_only);
    section["quota"] = [this](const toml::key& key, const toml::node& value) {
      config_.store.quota = parsed(key, value, parse_size);
    };
    return section;
  }

  Take take_number(std::uint64_t& into) {
    return [this, &into](const toml::key& key, const toml::node& value) {
      into = number(key, value, kMostPages);
    };
  }

  static constexpr std::int64_t kMostPages = 1 << 22;
  static constexpr std::int64_t kMostDatabases = 1 << 20;

  fs::path file_;
  Config config_;
  const std::map<std::string_view, Section> sections_{
      {"images",
       {{"dir", take_path(config_.images.directory)},
        {"kernel", take_path(config_.images.kernel)},
        {"initramfs", take_path(config_.images.initramfs)},
        {"root_image", take_path(config_.images.root_image)}}},
      {"store", store_section()},
      {"catalogue", shared_section(config_.catalogue.directory, config_.catalogue.redis)},
      {"vm",
       {{"vcpus",
         [this](const auto& key, const auto& value) {
           config_.vm.vcpus = static_cast<unsigned>(number(key, value, 8));
         }},
        {"memory",
         [this](const auto& key, const auto& value) {
           config_.vm.memory = parsed(key, value, parse_size);
         }},
        {"free_memory",
         [this](const auto& key, const auto& value) {
           config_.vm.free_memory = parsed(key, value, parse_free_memory_option);
         }},
        {"in_process", take_flag(config_.vm.in_process)}}},
      {"restore",
       {{"setting",
         [this](const auto& key, const auto& value) {
           config_.restore.setting = parsed(key, value, parse_origin_option);
         }},
        {"prepared", take_flag(config_.restore.prepared)},
        {"prefill", take_flag(config_.restore.prefill)},
        {"merge_gap", take_number(config_.restore.thresholds.merge_gap_pages)},
        {"minimum", take_number(config_.restore.thresholds.minimum_pages)},
        {"compress",
         [this](const auto& key, const auto& value) {
           config_.restore.compress = parsed(key, value, parse_compression_option);
         }},
        {"trusted_keys", take_paths(config_.restore.trusted_keys)}}},
  };
};

}  // namespace

Config load_config(const std::optional<std::string>& file) {
  if (file) {
    return Reader(*file).read();
  }
  const char* from_environment = std::getenv("FAASNAP_CONFIG");
  if (from_environment != nullptr && *from_environment != '\0') {
    return Reader(from_environment).read();
  }
  return {};
}

}  // namespace faasnap::cli
