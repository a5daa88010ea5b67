#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <faasnap/export.h>
#include <faasnap/object_store.h>
#include <faasnap/progress.h>
#include <faasnap/units.h>

namespace faasnap {

// TLS towards a Redis server. Paths may be empty.
struct RedisTls {
  // PEM: who may sign the server's certificate; empty: whom the system trusts.
  std::filesystem::path authorities{};
  // PEM: the client's own, where the server asks for one.
  std::filesystem::path certificate{};
  std::filesystem::path key{};
  // The name that is asked for (SNI); empty: the address's host.
  std::string server_name{};
};

// Which Redis server, and how.
struct RedisOptions {
  // HOST:PORT, [IPv6]:PORT or the path of a Unix socket.
  std::string address{};
  // Empty: the server's default user.
  std::string username{};
  // Empty: the server asks for none.
  std::string password{};
  unsigned database = 0;
  // What every key of an object begins with on the server. Objects of different prefixes do not see
  // each other.
  std::string prefix{};
  // Not every libhiredis has it: ErrorKind::unsupported, rather than a connection without.
  std::optional<RedisTls> tls{};
  // How long connecting may take, each address that the name stands for.
  Nanoseconds connect_timeout = std::chrono::seconds(5);
  // How long the server may send nothing while it is waited for, or take nothing.
  Nanoseconds timeout = std::chrono::seconds(10);
};

// Keys of objects may not begin so on the server, prefix included: there the library keeps what
// functions must not change (docs/catalogue.md).
inline constexpr std::string_view kReservedKeys = "faasnap:";

// The objects that functions read and write, kept by a Redis server: the calls of ObjectStore.
// Connects on first use and, after a failure, anew on the next. For one thread at a time.
//
// Errors: ErrorKind::io when the server cannot be reached, goes away or refuses a command;
// ErrorKind::timeout; ErrorKind::permission for a wrong password or user; ErrorKind::no_space when
// the server is out of memory; ErrorKind::invalid_argument for keys and values that no store takes.
class FAASNAP_EXPORT RedisStore {
 public:
  explicit RedisStore(RedisOptions options);
  RedisStore(RedisStore&& other) noexcept;
  RedisStore& operator=(RedisStore&& other) noexcept;
  ~RedisStore();

  // Connects, if it is not connected, and checks that the server answers.
  void ping();
  std::optional<std::vector<std::byte>> get(std::string_view key);
  // Holds no more than a piece; false when there is no such object.
  bool read(std::string_view key, const ValueSink& sink);
  // Sends `value` from where it is.
  void set(std::string_view key, std::span<const std::byte> value, const Progress& progress = {});
  bool remove(std::string_view key);
  std::optional<Bytes> size(std::string_view key);
  std::vector<ObjectInfo> list(std::string_view pattern = "*");

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace faasnap
