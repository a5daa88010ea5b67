#include "redis/client.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <map>
#include <string>
#include <utility>

#include "base/error.h"

namespace faasnap::redis {
namespace {

// A number that Redis replies with; every command here that does is known to.
std::uint64_t number_of(const RedisLink::Reply& reply) {
  if (reply->type != REDIS_REPLY_INTEGER || reply->integer < 0) {
    base::fail(ErrorKind::corrupt, "ask Redis", {}, "expected a number");
  }
  return static_cast<std::uint64_t>(reply->integer);
}

std::string_view view_of(const redisReply& reply) {
  return {reply.str, static_cast<std::size_t>(reply.len)};
}

// So that it stands for itself in a pattern.
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

// A page of SCAN: where to go on, and keys.
struct Page {
  std::string cursor;
  std::vector<std::string> keys;
};

Page scan(RedisLink& link, const std::string& cursor, const std::string& pattern) {
  const auto reply =
      link.command({"SCAN", cursor, "MATCH", pattern, "COUNT", "1000", "TYPE", "string"});
  if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 ||
      reply->element[1]->type != REDIS_REPLY_ARRAY) {
    base::fail(ErrorKind::corrupt, "ask Redis", {}, "expected a cursor and keys");
  }
  Page page{std::string(view_of(*reply->element[0])), {}};
  for (std::size_t i = 0; i < reply->element[1]->elements; ++i) {
    page.keys.emplace_back(view_of(*reply->element[1]->element[i]));
  }
  return page;
}

}  // namespace

RedisLink& RedisClient::link() {
  if (link_ && link_->usable()) {
    return *link_;
  }
  const auto replace = [this](std::unique_ptr<RedisLink> next) {
    const std::lock_guard lock(mutex_);
    link_ = std::move(next);
    if (cancelled_) {
      base::fail(ErrorKind::cancelled, "ask Redis", options_.address, "stopped by the caller");
    }
  };
  replace(nullptr);
  replace(std::make_unique<RedisLink>(options_));
  return *link_;
}

void RedisClient::drop() noexcept {
  const std::lock_guard lock(mutex_);
  link_.reset();
}

void RedisClient::cancel() noexcept {
  const std::lock_guard lock(mutex_);
  cancelled_ = true;
  if (link_) {
    ::shutdown(link_->descriptor(), SHUT_RDWR);
  }
}

std::optional<Bytes> RedisClient::get(std::string_view key) {
  const std::string whole = redis_key(options_, key);
  return link().get(whole);
}

void RedisClient::set(std::string_view key, std::span<const std::byte> value,
                      const Progress& progress) {
  const std::string whole = redis_key(options_, key);
  if (value.size() > kMaximumObjectValue.value) {
    base::fail(ErrorKind::invalid_argument, "store object", {},
               fmt::format("value of {} bytes, expected at most {}", value.size(),
                           kMaximumObjectValue.value));
  }
  link().set(whole, value, progress);
}

bool RedisClient::remove(std::string_view key) {
  const std::string whole = redis_key(options_, key);
  return number_of(link().command({"DEL", whole})) != 0;
}

std::optional<Bytes> RedisClient::size(std::string_view key) {
  const std::string whole = redis_key(options_, key);
  const std::uint64_t length = number_of(link().command({"STRLEN", whole}));
  // An empty value and none have the same length.
  if (length == 0 && number_of(link().command({"EXISTS", whole})) == 0) {
    return std::nullopt;
  }
  return Bytes{length};
}

std::vector<ObjectInfo> RedisClient::list(std::string_view pattern) {
  const std::string whole = escaped(options_.prefix) + std::string(pattern);
  // SCAN may say a key twice.
  std::map<std::string, Bytes> found;
  RedisLink& scanned = link();
  std::string cursor = "0";
  do {
    Page page = scan(scanned, cursor, whole);
    // The pattern is asked for, and not relied on.
    std::erase_if(page.keys, [&](const std::string& key) {
      return !key.starts_with(options_.prefix) || key.starts_with(kReservedKeys);
    });
    for (const std::string& key : page.keys) {
      scanned.send({"STRLEN", key});
    }
    for (const std::string& key : page.keys) {
      found[key.substr(options_.prefix.size())] = {number_of(scanned.receive())};
    }
    cursor = page.cursor;
  } while (cursor != "0");
  std::vector<ObjectInfo> objects;
  for (auto& [key, size] : found) {
    objects.push_back({key, size});
  }
  return objects;
}

}  // namespace faasnap::redis
