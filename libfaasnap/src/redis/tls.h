#pragma once

#include <hiredis/hiredis.h>
#include <sys/types.h>

#include <cstddef>
#include <span>
#include <string>

#include <faasnap/redis_options.h>

namespace faasnap::redis {

// TLS through libhiredis_ssl, where this build has it.

// Encrypts a connection that has just been made. ErrorKind::unsupported where this build has no
// TLS, ErrorKind::permission where the server is not trusted or does not trust us,
// ErrorKind::invalid_argument for certificates that cannot be read.
void start_tls(redisContext& context, const RedisTls& tls, const std::string& host,
               const std::string& address);

// Reads from an encrypted connection; as recv(2).
ssize_t read_tls(redisContext& context, std::span<std::byte> out);

}  // namespace faasnap::redis
