// SPDX-License-Identifier: Apache-2.0

#include "redis/tls.h"

#ifdef FAASNAP_HIREDIS_SSL
#include <hiredis/hiredis_ssl.h>
#endif

#include <cerrno>
#include <memory>

#include "base/error.h"

namespace faasnap::redis {

#ifdef FAASNAP_HIREDIS_SSL

namespace {

constexpr const char* kConnectingWithTls = "connect to Redis with TLS";

const char* or_null(const std::string& text) { return text.empty() ? nullptr : text.c_str(); }

}  // namespace

void start_tls(redisContext& context, const RedisTls& tls, const std::string& host,
               const std::string& address) {
  const std::string& name = tls.server_name.empty() ? host : tls.server_name;
  redisSSLContextError error = REDIS_SSL_CTX_NONE;
  const std::unique_ptr<redisSSLContext, decltype(&redisFreeSSLContext)> made(
      redisCreateSSLContext(or_null(tls.authorities.native()), nullptr,
                            or_null(tls.certificate.native()), or_null(tls.key.native()),
                            or_null(name), &error),
      &redisFreeSSLContext);
  if (made == nullptr) {
    base::fail(ErrorKind::invalid_argument, kConnectingWithTls, address,
               redisSSLContextGetError(error));
  }
  if (redisInitiateSSLWithContext(&context, made.get()) != REDIS_OK) {
    base::fail(ErrorKind::permission, kConnectingWithTls, address, context.errstr);
  }
}

ssize_t read_tls(redisContext& context, std::span<std::byte> out) {
  for (;;) {
    const ssize_t got =
        context.funcs->read(&context, reinterpret_cast<char*>(out.data()), out.size());
    if (got != 0) {
      return got;
    }
  }
}

#else

void start_tls(redisContext&, const RedisTls&, const std::string&, const std::string& address) {
  base::fail(ErrorKind::unsupported, "connect to Redis with TLS", address,
             "libfaasnap was built without TLS (hiredis_ssl)");
}

ssize_t read_tls(redisContext&, std::span<std::byte>) {
  errno = ENOTSUP;
  return -1;
}

#endif

}  // namespace faasnap::redis
