#include <algorithm>
#include <utility>

#include <faasnap/redis.h>

#include "redis/client.h"

namespace faasnap {

class RedisStore::Impl : public redis::RedisClient {
 public:
  using redis::RedisClient::RedisClient;
};

RedisStore::RedisStore(RedisOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}
RedisStore::RedisStore(RedisStore&& other) noexcept = default;
RedisStore& RedisStore::operator=(RedisStore&& other) noexcept = default;
RedisStore::~RedisStore() = default;

void RedisStore::ping() { impl_->link().command({"PING"}); }

std::optional<std::vector<std::byte>> RedisStore::get(std::string_view key) {
  std::optional<std::vector<std::byte>> value;
  const bool found = read(key, [&](std::span<const std::byte> piece, Bytes total) {
    if (!value) {
      value.emplace().reserve(total.value);
    }
    value->insert(value->end(), piece.begin(), piece.end());
  });
  if (found && !value) {
    value.emplace();
  }
  return value;
}

bool RedisStore::read(std::string_view key, const ValueSink& sink) {
  static constexpr std::size_t kPiece = 256 << 10;
  const auto size = impl_->get(key);
  if (!size) {
    return false;
  }
  redis::RedisLink& link = impl_->link_in_use();
  std::vector<std::byte> piece(std::min<std::uint64_t>(kPiece, size->value));
  while (link.left().value != 0) {
    const std::size_t got = link.read(piece);
    sink(std::span(piece).first(got), *size);
  }
  return true;
}

void RedisStore::set(std::string_view key, std::span<const std::byte> value,
                     const Progress& progress) {
  impl_->set(key, value, progress);
}

bool RedisStore::remove(std::string_view key) { return impl_->remove(key); }

std::optional<Bytes> RedisStore::size(std::string_view key) { return impl_->size(key); }

std::vector<ObjectInfo> RedisStore::list(std::string_view pattern) { return impl_->list(pattern); }

}  // namespace faasnap
