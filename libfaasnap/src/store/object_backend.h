#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <faasnap/guest_stream.h>
#include <faasnap/object_store.h>

namespace faasnap::store {

// The store that one client of an ObjectStoreServer works on, whatever it is kept in. For the
// client's thread; throws as ObjectStore and RedisStore do.
class ObjectBackend {
 public:
  // A value that is being read. It is read or sent once, before the next call of the backend.
  class Object {
   public:
    virtual ~Object() = default;
    virtual Bytes size() const noexcept = 0;
    virtual std::string read() = 0;
    // Holds no more than a piece. `stall`: how long the other end may take nothing. The calling
    // thread must have SIGPIPE blocked.
    virtual void send(GuestStream& stream, Nanoseconds stall) = 0;
  };

  virtual ~ObjectBackend() = default;
  // Null when there is no such object.
  virtual std::unique_ptr<Object> open(std::string_view key) = 0;
  virtual void set(std::string_view key, std::span<const std::byte> value) = 0;
  virtual bool remove(std::string_view key) = 0;
  virtual std::optional<Bytes> size(std::string_view key) = 0;
  // From any thread: makes the call that is waiting, and every later one, fail.
  virtual void cancel() noexcept = 0;
};

std::unique_ptr<ObjectBackend> make_backend(const ObjectStore& store);
std::unique_ptr<ObjectBackend> make_backend(const RedisOptions& redis);

}  // namespace faasnap::store
