// SPDX-License-Identifier: Apache-2.0

#include "base/config.h"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <concepts>
#include <limits>
#include <optional>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string_view>

namespace platform {
namespace {

// Takes keys from one table, and refuses what nobody has taken.
class Section {
 public:
  Section(const toml::table& table, std::string file, std::string name)
      : table_(table), file_(std::move(file)), name_(std::move(name)) {}

  void take(std::string_view key, std::string& value) {
    if (const auto* node = find(key)) {
      if (const auto text = node->value<std::string>(); text && node->is_string()) {
        value = *text;
      } else {
        refuse(key, "expected a text");
      }
    }
  }

  void take(std::string_view key, std::filesystem::path& value) {
    std::string text = value.string();
    take(key, text);
    value = text;
  }

  template <std::integral Number>
  void take(std::string_view key, Number& value, std::int64_t least, std::int64_t most) {
    if (const auto* node = find(key)) {
      const auto number = node->value<std::int64_t>();
      if (!node->is_integer() || *number < least || *number > most) {
        refuse(key, fmt::format("expected a number from {} to {}", least, most));
      }
      value = static_cast<Number>(*number);
    }
  }

  void take(std::string_view key, seconds& value, std::int64_t least, std::int64_t most) {
    std::int64_t number = value.count();
    take(key, number, least, most);
    value = seconds(number);
  }

  // A text that `parse` makes a value of, one of `names`.
  template <typename Value, typename Parse>
  void take(std::string_view key, Value& value, Parse parse, const char* names) {
    std::string text;
    take(key, text);
    if (text.empty()) {
      return;
    }
    const std::optional<Value> parsed = parse(text);
    if (!parsed) {
      refuse(key, fmt::format("'{}', expected {}", text, names));
    }
    value = *parsed;
  }

  // Paths by names of any kind: all that the table has.
  void take_all(std::map<std::string, std::filesystem::path>& values) {
    for (const auto& [key, node] : table_) {
      take(key.str(), values[std::string(key.str())]);
    }
  }

  // A table within this one; an empty one if it is absent.
  Section section(std::string_view key) {
    static const toml::table kNone;
    const auto* node = find(key);
    if (node != nullptr && !node->is_table()) {
      refuse(key, "expected a table");
    }
    return {node == nullptr ? kNone : *node->as_table(), file_, full_name(key)};
  }

  void finish() const {
    for (const auto& [key, node] : table_) {
      if (!taken_.contains(std::string(key.str()))) {
        refuse(key.str(), "unknown key");
      }
    }
  }

 private:
  const toml::node* find(std::string_view key) {
    taken_.emplace(key);
    return table_.get(key);
  }

  std::string full_name(std::string_view key) const {
    return name_.empty() ? std::string(key) : fmt::format("{}.{}", name_, key);
  }

  [[noreturn]] void refuse(std::string_view key, const std::string& reason) const {
    throw std::runtime_error(fmt::format("{}: {}: {}", file_, full_name(key), reason));
  }

  const toml::table& table_;
  const std::string file_;
  const std::string name_;
  std::set<std::string> taken_;
};

constexpr std::int64_t kMostMiB = 1 << 20;
constexpr std::int64_t kDay = 86'400;

void take_limits(Section section, HostLimits& limits) {
  section.take("concurrency", limits.concurrency, 1, 10'000);
  section.take("memory_mib", limits.memory_mib, 128, kMostMiB);
  section.take("queue", limits.queue, 0, 100'000);
  section.take("queue_timeout_s", limits.queue_timeout, 0, kDay);
  section.finish();
}

void take_vm(Section section, VmPolicy& vm) {
  section.take("setting", vm.setting, faasnap::parse_setting, "the name of a restore setting");
  section.take("keep_idle_s", vm.keep_idle, 0, kDay);
  section.take("prepared", vm.prepared, 0, 1000);
  section.take("workers", vm.workers, 0, 1000);
  section.take("boot_timeout_s", vm.boot_timeout, 1, kDay);
  section.finish();
}

void take_recording(Section section, RecordingPolicy& recording) {
  section.take("free_memory", recording.free_memory, faasnap::parse_free_memory,
               "report, zero or keep");
  section.take("recordings", recording.recordings, 0, 100);
  section.finish();
}

void take_events(Section section, EventPolicy& events) {
  section.take("queue", events.queue, 0, 1'000'000);
  section.take("workers", events.workers, 1, 1000);
  section.take("retries", events.retries, 0, 100);
  section.take("retry_pause_s", events.retry_pause, 0, kDay);
  section.finish();
}

void take_archives(Section section, ArchivePolicy& archives) {
  section.take("timeout_s", archives.timeout, 1, kDay);
  section.take("patience_s", archives.patience, 0, kDay);
  section.finish();
}

void take_access(Section section, AccessPolicy& access) {
  section.take("keys", access.keys);
  section.take("tokens", access.tokens);
  section.finish();
}

void take_tls(Section section, TlsPolicy& tls) {
  section.take("certificate", tls.certificate);
  section.take("key", tls.key);
  section.finish();
  if (tls.certificate.empty() != tls.key.empty()) {
    throw std::runtime_error("tls: expected certificate and key, or neither");
  }
}

void take_hosts(Section section, HostsPolicy& hosts) {
  section.take("redis", hosts.redis);
  section.take("directory", hosts.directory);
  section.take("password", hosts.password);
  section.take("prefix", hosts.prefix);
  section.finish();
}

void take_defaults(Section section, FunctionDefaults& defaults) {
  section.take("memory_mib", defaults.memory_mib, 128, 10'240);
  section.take("timeout_s", defaults.timeout, 1, 900);
  section.finish();
}

void take_artifact(Section section, ArtifactPolicy& artifact) {
  section.take("listen", artifact.listen);
  section.take("directory", artifact.directory);
  section.finish();
}

toml::table parse(const std::filesystem::path& file) {
  try {
    return toml::parse_file(file.string());
  } catch (const toml::parse_error& error) {
    const auto line = error.source().begin.line;
    throw std::runtime_error(
        line == 0 ? fmt::format("{}: {}", file.string(), error.description())
                  : fmt::format("{}: line {}: {}", file.string(), line, error.description()));
  }
}

}  // namespace

Config load_config(const std::filesystem::path& file) {
  const toml::table table = parse(file);
  Config config;
  Section top(table, file.string(), "");
  top.take("host", config.host);
  top.take("port", config.port, 0, 65'535);
  top.take("state", config.state);
  top.take("images", config.images);
  top.take("base_image", config.base_image);
  top.take("faasnap", config.faasnap);
  top.take("region", config.region);
  top.take("account", config.account);
  take_limits(top.section("limits"), config.limits);
  take_vm(top.section("vm"), config.vm);
  take_recording(top.section("recording"), config.recording);
  take_events(top.section("events"), config.events);
  take_archives(top.section("archives"), config.archives);
  take_access(top.section("auth"), config.access);
  top.section("runtimes").take_all(config.runtimes);
  take_tls(top.section("tls"), config.tls);
  take_hosts(top.section("hosts"), config.hosts);
  take_defaults(top.section("function"), config.defaults);
  take_artifact(top.section("artifact"), config.artifact);
  top.finish();
  return config;
}

}  // namespace platform
