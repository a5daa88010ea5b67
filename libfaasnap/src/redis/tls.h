// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <hiredis/hiredis.h>
#include <sys/types.h>

#include <cstddef>
#include <span>
#include <string>

#include <faasnap/redis_options.h>

namespace faasnap::redis {

// TLS by libhiredis_ssl, if this build has it.

// Starts TLS on a new connection. Throws ErrorKind::unsupported if this build has no TLS,
// ErrorKind::permission if the server does not trust the client or the client the server,
// ErrorKind::invalid_argument if a certificate or key cannot be read.
void start_tls(redisContext& context, const RedisTls& tls, const std::string& host,
               const std::string& address);

// Reads from a connection with TLS; returns what recv(2) would.
ssize_t read_tls(redisContext& context, std::span<std::byte> out);

}  // namespace faasnap::redis
