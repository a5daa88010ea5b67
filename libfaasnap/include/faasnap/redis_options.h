#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

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
// functions must not change (docs/guide/catalogue.md).
inline constexpr std::string_view kReservedKeys = "faasnap:";

}  // namespace faasnap
