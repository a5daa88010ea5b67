#include <fcntl.h>

#include <cerrno>
#include <new>

#include "base/error.h"
#include "base/sigpipe.h"
#include "redis/address.h"
#include "redis/connection.h"
#include "redis/tls.h"

// How a RedisLink comes to be, and ends.
namespace faasnap::redis {
namespace {

// What is read from the socket at once.
constexpr std::size_t kInput = 64 << 10;

timeval to_timeval(Nanoseconds duration) {
  const auto microseconds = std::chrono::ceil<std::chrono::microseconds>(duration).count();
  return {microseconds / 1'000'000, microseconds % 1'000'000};
}

}  // namespace

void RedisLink::ContextDeleter::operator()(redisContext* context) const noexcept {
  const base::SigpipeBlock block;  // TLS says good-bye
  redisFree(context);
}

RedisLink::RedisLink(const RedisOptions& options)
    : address_(options.address), input_(kInput), left_{0} {
  connect(options);
  log_in(options);
}

void RedisLink::connect(const RedisOptions& options) {
  const RedisAddress address = parse_redis_address(options.address);
  const timeval patience = to_timeval(options.connect_timeout);
  const base::SigpipeBlock block;
  context_.reset(address.socket.empty()
                     ? redisConnectWithTimeout(address.host.c_str(), address.port, patience)
                     : redisConnectUnixWithTimeout(address.socket.c_str(), patience));
  if (context_ == nullptr) {
    throw std::bad_alloc();
  }
  if (context_->err != 0) {
    const bool late = errno == ETIMEDOUT || errno == EINPROGRESS;
    base::fail(late ? ErrorKind::timeout : ErrorKind::io, "connect to Redis", address_,
               context_->errstr);
  }
  ::fcntl(context_->fd, F_SETFD, FD_CLOEXEC);
  if (redisSetTimeout(context_.get(), to_timeval(options.timeout)) != REDIS_OK) {
    base::fail_errno("set timeout of Redis", address_);
  }
  if (options.tls) {
    start_tls(*context_, *options.tls, address.host, address_);
    tls_ = true;
  }
}

void RedisLink::log_in(const RedisOptions& options) {
  if (!options.password.empty()) {
    options.username.empty() ? command({"AUTH", options.password})
                             : command({"AUTH", options.username, options.password});
  }
  if (options.database != 0) {
    command({"SELECT", std::to_string(options.database)});
  }
  command({"PING"});
}

}  // namespace faasnap::redis
