// SPDX-License-Identifier: Apache-2.0

#include <faasnap/redis_store.h>

#include <fmt/format.h>

#include <map>
#include <string>
#include <utility>

#include "base/error.h"
#include "redis/client.h"

namespace faasnap {
namespace {

using redis::Connection;

[[noreturn]] void fail_reply(const std::string& reason) {
  base::fail(ErrorKind::corrupt, "ask Redis", {}, reason);
}

std::uint64_t number_of(const Connection::Reply& reply) {
  if (reply->type != REDIS_REPLY_INTEGER || reply->integer < 0) {
    fail_reply("expected a number");
  }
  return static_cast<std::uint64_t>(reply->integer);
}

std::string_view view_of(const redisReply& reply) {
  return {reply.str, static_cast<std::size_t>(reply.len)};
}

// Returns a pattern that matches `text` only.
std::string escaped(std::string_view text) {
  std::string result;
  for (const char letter : text) {
    if (std::string_view("*?[]^\\").find(letter) != std::string_view::npos) {
      result += '\\';
    }
    result += letter;
  }
  return result;
}

// One reply to SCAN: some keys, and the cursor of the next.
struct Page {
  std::string cursor;
  std::vector<std::string> keys;
};

Page scan(Connection& connection, const std::string& cursor, const std::string& pattern) {
  const auto reply =
      connection.command({"SCAN", cursor, "MATCH", pattern, "COUNT", "1000", "TYPE", "string"});
  if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 ||
      reply->element[1]->type != REDIS_REPLY_ARRAY) {
    fail_reply("expected a cursor and keys");
  }
  Page page{std::string(view_of(*reply->element[0])), {}};
  for (std::size_t i = 0; i < reply->element[1]->elements; ++i) {
    page.keys.emplace_back(view_of(*reply->element[1]->element[i]));
  }
  return page;
}

}  // namespace

class RedisStore::Impl {
 public:
  explicit Impl(RedisOptions options)
      : prefix(options.prefix.empty() ? std::string(kObjectKeys) : options.prefix),
        client(std::move(options)) {}

  // Returns the key's name on the server. Throws ErrorKind::invalid_argument if it is reserved.
  std::string name_of(std::string_view key) const {
    check_key(key);
    std::string name = prefix + std::string(key);
    if (name.starts_with(kReservedKeys)) {
      base::fail(ErrorKind::invalid_argument, "object store", {},
                 fmt::format("keys that start with '{}' are reserved", kReservedKeys));
    }
    return name;
  }

  const std::string prefix;
  redis::Client client;
};

RedisStore::RedisStore(RedisOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}
RedisStore::~RedisStore() = default;

void RedisStore::ping(const std::stop_token& stop) const {
  impl_->client.run([](Connection& connection) { connection.command({"PING"}); }, stop);
}

bool RedisStore::read(std::string_view key, const ValueSink& sink,
                      const std::stop_token& stop) const {
  const std::string name = impl_->name_of(key);
  bool found = false;
  impl_->client.run([&](Connection& connection) { found = connection.read(name, sink); }, stop);
  return found;
}

void RedisStore::write(std::string_view key, Bytes size, const ValueSource& source,
                       const std::stop_token& stop) {
  const std::string name = impl_->name_of(key);
  check_size(size);
  impl_->client.run([&](Connection& connection) { connection.set(name, size, source); }, stop);
}

bool RedisStore::remove(std::string_view key, const std::stop_token& stop) {
  const std::string name = impl_->name_of(key);
  bool existed = false;
  impl_->client.run(
      [&](Connection& connection) {
        existed = number_of(connection.command({"DEL", name})) != 0;
      },
      stop);
  return existed;
}

std::optional<Bytes> RedisStore::size(std::string_view key, const std::stop_token& stop) const {
  const std::string name = impl_->name_of(key);
  std::optional<Bytes> size;
  impl_->client.run(
      [&](Connection& connection) {
        const std::uint64_t length = number_of(connection.command({"STRLEN", name}));
        // A key that does not exist has the length of an empty value.
        if (length != 0 || number_of(connection.command({"EXISTS", name})) != 0) {
          size = Bytes{length};
        }
      },
      stop);
  return size;
}

std::vector<ObjectInfo> RedisStore::list(std::string_view pattern,
                                         const std::stop_token& stop) const {
  const std::string& prefix = impl_->prefix;
  const std::string whole = escaped(prefix) + std::string(pattern);
  std::map<std::string, Bytes> found;  // SCAN may return a key twice
  impl_->client.run(
      [&](Connection& connection) {
        std::string cursor = "0";
        do {
          Page page = scan(connection, cursor, whole);
          // Checks the prefix again: the server is not trusted.
          std::erase_if(page.keys, [&](const std::string& key) {
            return !key.starts_with(prefix) || key.starts_with(kReservedKeys);
          });
          for (const std::string& key : page.keys) {
            connection.send({"STRLEN", key});
          }
          for (const std::string& key : page.keys) {
            found[key.substr(prefix.size())] = {number_of(connection.receive())};
          }
          cursor = page.cursor;
        } while (cursor != "0");
      },
      stop);
  std::vector<ObjectInfo> objects;
  for (auto& [key, size] : found) {
    objects.push_back({key, size});
  }
  return objects;
}

}  // namespace faasnap
