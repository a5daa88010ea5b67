#include <vector>

#include "redis/client.h"
#include "store/object_backend.h"

namespace faasnap::store {
namespace {

constexpr std::size_t kReadPiece = 64 << 10;

// A value on its way from the server. One that is left half read costs the link.
class ValueInTransit : public ObjectBackend::Object {
 public:
  ValueInTransit(redis::RedisLink& link, Bytes size) : link_(link), size_(size) {}
  Bytes size() const noexcept override { return size_; }

  std::string read() override {
    std::string value(size_.value, '\0');
    std::span<std::byte> rest = std::as_writable_bytes(std::span(value));
    while (!rest.empty()) {
      rest = rest.subspan(link_.read(rest));
    }
    return value;
  }

  void send(GuestStream& stream, Nanoseconds stall) override {
    std::vector<std::byte> piece(kReadPiece);
    while (link_.left().value != 0) {
      const std::size_t got = link_.read(piece);
      stream.write(std::span(piece).first(got), stall);
    }
  }

 private:
  redis::RedisLink& link_;
  Bytes size_;
};

class RedisBackend : public ObjectBackend {
 public:
  explicit RedisBackend(const RedisOptions& options) : client_(options) {}
  std::unique_ptr<Object> open(std::string_view key) override {
    const auto size = client_.get(key);
    return size ? std::make_unique<ValueInTransit>(client_.link_in_use(), *size) : nullptr;
  }
  void set(std::string_view key, std::span<const std::byte> value) override {
    client_.set(key, value, {});
  }
  bool remove(std::string_view key) override { return client_.remove(key); }
  std::optional<Bytes> size(std::string_view key) override { return client_.size(key); }
  void cancel() noexcept override { client_.cancel(); }

 private:
  redis::RedisClient client_;
};

}  // namespace

std::unique_ptr<ObjectBackend> make_backend(const RedisOptions& redis) {
  return std::make_unique<RedisBackend>(redis);
}

}  // namespace faasnap::store
