// SPDX-License-Identifier: Apache-2.0

#include "hosts/store.h"

#include <fmt/format.h>

#include <faasnap/snapshot_catalogue.h>
#include <stdexcept>

#include "base/random_id.h"
#include "state/files.h"

namespace platform::hosts {
namespace {

namespace fs = std::filesystem;

// An invocation waits for the server so long, once.
constexpr std::chrono::seconds kTimeout{1};
// Manifests and recordings are larger than records.
constexpr std::chrono::seconds kCatalogueTimeout{10};
constexpr std::size_t kMostPassword = 4096;

// Scripts, which the server runs as a whole. Their keys: the store's name, the latest number, the
// records by function, and the numbers of their latest changes by function, of those deleted too.

// The name of the store that the caller knows, the number, and a name for a store that has none.
constexpr const char* kSince = R"(
redis.call('SET', KEYS[1], ARGV[3], 'NX')
local store = redis.call('GET', KEYS[1])
local number = redis.call('GET', KEYS[2]) or '0'
local after = store == ARGV[1] and '(' .. ARGV[2] or '-inf'
local answer = {store, number}
local changed = redis.call('ZRANGEBYSCORE', KEYS[4], after, '+inf', 'WITHSCORES')
for i = 1, #changed, 2 do
  answer[#answer + 1] = {changed[i], changed[i + 1], redis.call('HGET', KEYS[3], changed[i])}
end
return answer)";

// The function, the record or nothing, whether it exists, and the change before.
constexpr const char* kChange = R"(
local stored = redis.call('HGET', KEYS[3], ARGV[1])
local number = redis.call('ZSCORE', KEYS[4], ARGV[1]) or '0'
local wanted = ARGV[3] == '1' and ARGV[2] or false
if stored == wanted then return number end
if (stored and number or '0') ~= ARGV[4] then return '-1' end
local next = tostring(redis.call('INCR', KEYS[2]))
if wanted then redis.call('HSET', KEYS[3], ARGV[1], wanted) else redis.call('HDEL', KEYS[3], ARGV[1]) end
redis.call('ZADD', KEYS[4], next, ARGV[1])
return next)";

// The function, the record, and the number as of which the caller knows it.
constexpr const char* kRestore = R"(
local known = tonumber(ARGV[3])
local number = redis.call('ZSCORE', KEYS[4], ARGV[1])
if number and tonumber(number) >= known then return 0 end
if tonumber(redis.call('GET', KEYS[2]) or '0') < known then redis.call('SET', KEYS[2], ARGV[3]) end
redis.call('HSET', KEYS[3], ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[4], redis.call('INCR', KEYS[2]), ARGV[1])
return 1)";

// Extends the caller's own lease, or takes a free one. The holder, and the time in milliseconds.
constexpr const char* kLease = R"(
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1)";

constexpr const char* kGiveUp = R"(
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 1)";

std::uint64_t number_of(const Reply& reply) {
  const std::string text = reply.text.value_or("");
  if (text.empty() || text.size() > 18 ||
      text.find_first_not_of("0123456789") != std::string::npos) {
    throw std::runtime_error(
        fmt::format("the hosts' store: number '{:.32}', expected digits", text));
  }
  return std::stoull(text);
}

void refuse(const char* key, const std::string& reason) {
  throw std::runtime_error(fmt::format("hosts.{}: {}", key, reason));
}

void check_address(const std::string& address) {
  if (address.find('/') != std::string::npos) {
    return;
  }
  const auto colon = address.rfind(':');
  const std::string port = colon == std::string::npos ? "" : address.substr(colon + 1);
  if (colon == 0 || port.empty() || port.size() > 5 ||
      port.find_first_not_of("0123456789") != std::string::npos || std::stoi(port) > 65'535) {
    refuse("redis", fmt::format("'{}', expected HOST:PORT or the path of a socket", address));
  }
}

std::string password_in(const fs::path& file) {
  if (file.empty()) {
    return {};
  }
  std::string password = read_secret(file);
  while (!password.empty() && password.back() == '\n') {
    password.pop_back();
  }
  if (password.empty() || password.size() > kMostPassword) {
    refuse("password", fmt::format("{}: expected a password of at most {} bytes", file.string(),
                                   kMostPassword));
  }
  return password;
}

faasnap::RedisOptions redis_of(const HostsPolicy& policy) {
  check_address(policy.redis);
  if (policy.directory.empty()) {
    refuse("directory", "expected the directory that the hosts share");
  }
  faasnap::RedisOptions options;
  options.address = policy.redis;
  options.password = password_in(policy.password);
  options.prefix = policy.prefix;
  options.connect_timeout = kTimeout;
  options.timeout = kTimeout;
  return options;
}

faasnap::SnapshotCatalogue catalogue(faasnap::RedisOptions redis, const fs::path& directory) {
  redis.timeout = kCatalogueTimeout;
  return {std::move(redis), directory};
}

}  // namespace

Store::Store(const HostsPolicy& policy)
    : directory_(policy.directory),
      redis_(redis_of(policy)),
      host_(random_hex(16)),
      link_(redis_) {}

Store::Changes Store::since(const std::string& store, std::uint64_t number) {
  const Reply reply =
      link_.command({"EVAL", kSince, "4", key("platform:store"), key("platform:number"),
                     key("platform:functions"), key("platform:changed"), store,
                     std::to_string(number), random_hex(16)});
  if (reply.items.size() < 2) {
    throw std::runtime_error("the hosts' store: expected its name and a number");
  }
  Changes changes{.store = reply.items[0].text.value_or(""), .number = number_of(reply.items[1])};
  for (std::size_t i = 2; i < reply.items.size(); ++i) {
    const auto& fields = reply.items[i].items;
    if (fields.size() != 3) {
      throw std::runtime_error("the hosts' store: expected a function, a number and a record");
    }
    changes.records.push_back({.function = fields[0].text.value_or(""),
                               .number = number_of(fields[1]),
                               .text = fields[2].text});
  }
  return changes;
}

std::uint64_t Store::put(const std::string& function, const std::string& text,
                         std::uint64_t before) {
  return change(function, text, true, before);
}

std::uint64_t Store::remove(const std::string& function, std::uint64_t before) {
  return change(function, {}, false, before);
}

std::uint64_t Store::change(const std::string& function, const std::string& text, bool exists,
                            std::uint64_t before) {
  const Reply reply =
      link_.command({"EVAL", kChange, "4", key("platform:store"), key("platform:number"),
                     key("platform:functions"), key("platform:changed"), function, text,
                     exists ? "1" : "0", std::to_string(before)});
  if (reply.text == "-1") {
    throw RequestError(Refusal::conflict,
                       "another host has changed the function meanwhile: " + function);
  }
  return number_of(reply);
}

void Store::restore(const std::string& function, const std::string& text, std::uint64_t number) {
  link_.command({"EVAL", kRestore, "4", key("platform:store"), key("platform:number"),
                 key("platform:functions"), key("platform:changed"), function, text,
                 std::to_string(number)});
}

fs::path Store::archives(const std::string& function) const {
  return directory_ / "functions" / function;
}

bool Store::lease(const std::string& name, std::chrono::seconds time) {
  const auto milliseconds = std::chrono::milliseconds(time).count();
  return link_
             .command({"EVAL", kLease, "1", key("platform:lease:" + name), host_,
                       std::to_string(milliseconds)})
             .number == 1;
}

void Store::give_up(const std::string& name) {
  link_.command({"EVAL", kGiveUp, "1", key("platform:lease:" + name), host_});
}

std::optional<faasnap::Snapshot> Store::pull(const std::string& revision, const fs::path& target) {
  // The link knows at once whether the server answers.
  if (!has_snapshot(revision)) {
    return std::nullopt;
  }
  return catalogue(redis_, directory_).pull(revision, target);
}

std::optional<faasnap::Snapshot> Store::pull_refreshed(const std::string& revision,
                                                       const faasnap::SnapshotInfo& known,
                                                       const fs::path& target) {
  auto shared = catalogue(redis_, directory_);
  const auto entry = shared.find(revision);
  if (!entry) {
    return std::nullopt;
  }
  const auto& newest = entry->versions.back();
  if (newest.info.id != known.id || newest.info.touched_pages <= known.touched_pages) {
    return std::nullopt;
  }
  return shared.pull(revision, target, newest.number);
}

bool Store::has_snapshot(const std::string& revision) {
  return link_.command({"EXISTS", key("snapshot:" + revision)}).number == 1;
}

void Store::push(const std::string& revision, const faasnap::Snapshot& snapshot) {
  catalogue(redis_, directory_).push(snapshot, revision);
}

void Store::forget_snapshot(const std::string& revision) {
  const std::string record = key("snapshot:" + revision);
  const Reply id = link_.command({"HGET", record, "id"});
  link_.command({"SREM", key("snapshots"), revision});
  link_.command({"DEL", record});
  if (id.text && !id.text->empty() && id.text->find('/') == std::string::npos &&
      id.text->front() != '.') {
    std::error_code ignored;
    fs::remove_all(directory_ / *id.text, ignored);
  }
}

std::string Store::key(const std::string& name) const {
  return fmt::format("{}{}{}", faasnap::kReservedKeys, redis_.prefix, name);
}

}  // namespace platform::hosts
