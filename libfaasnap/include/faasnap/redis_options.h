// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include <faasnap/units.h>

namespace faasnap {

// TLS options of a connection to a Redis server. Files are in PEM format.
struct RedisTls {
  // Certificate authorities that may sign the server's certificate. Empty: those that the system
  // trusts.
  std::filesystem::path authorities{};
  // Certificate and private key of the client. Empty: none; the server may require them.
  std::filesystem::path certificate{};
  std::filesystem::path key{};
  // Server name to ask for (SNI). Empty: the host of the address.
  std::string server_name{};
};

// Which Redis server to use, and how.
struct RedisOptions {
  // HOST:PORT, [IPv6]:PORT, or the path of a Unix socket, which contains a '/'.
  std::string address{};
  // Empty: the server's default user.
  std::string username{};
  // Empty: no authentication.
  std::string password{};
  unsigned database = 0;
  // Prefix of every key on the server. Stores with different prefixes do not see each other's
  // objects. Empty: kObjectKeys for a RedisStore, so that it touches no keys of anybody else, and
  // none for a SnapshotCatalogue.
  std::string prefix{};
  // Throws ErrorKind::unsupported if hiredis was built without TLS; never falls back to plain text.
  std::optional<RedisTls> tls{};
  // Timeout of connecting, for each address that the host name resolves to.
  Nanoseconds connect_timeout = std::chrono::seconds(5);
  // Read and write timeout.
  Nanoseconds timeout = std::chrono::seconds(10);
};

// What the keys of objects on the server start with by default.
inline constexpr std::string_view kObjectKeys = "faasnap-objects:";

// Keys on the server that start with this, after adding the prefix, are reserved for the snapshot
// catalogue (docs/guide/catalogue.md). A RedisStore refuses them.
inline constexpr std::string_view kReservedKeys = "faasnap:";

}  // namespace faasnap
