// SPDX-License-Identifier: Apache-2.0

#include "redis/connection.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>

#include "base/error.h"
#include "base/text.h"
#include "base/threads/sigpipe.h"
#include "redis/address.h"
#include "redis/tls.h"

namespace faasnap::redis {
namespace {

constexpr const char* kAsking = "ask Redis";
// Maximum number of bytes of a value that are read from the socket at once, and handed to it.
constexpr std::size_t kPiece = 64 << 10;

timeval to_timeval(Nanoseconds duration) {
  const auto microseconds = std::chrono::ceil<std::chrono::microseconds>(duration).count();
  return {microseconds / 1'000'000, microseconds % 1'000'000};
}

// The first word of an error reply says its kind.
ErrorKind kind_of_reply(std::string_view text) {
  const std::string_view word = text.substr(0, text.find(' '));
  if (word == "NOAUTH" || word == "WRONGPASS" || word == "NOPERM" ||
      text.find("AUTH") != std::string_view::npos) {
    return ErrorKind::permission;
  }
  return word == "OOM" ? ErrorKind::no_space : ErrorKind::io;
}

// The words of a command as hiredis takes them.
struct Argv {
  explicit Argv(Connection::Words words) {
    for (const std::string_view word : words) {
      texts.push_back(word.data());
      lengths.push_back(word.size());
    }
  }
  int count() const { return static_cast<int>(texts.size()); }

  std::vector<const char*> texts;
  std::vector<std::size_t> lengths;
};

}  // namespace

void Connection::ContextDeleter::operator()(redisContext* context) const noexcept {
  const base::SigpipeBlock block;  // TLS sends a notice that it closes
  redisFree(context);
}

Connection::Connection(const RedisOptions& options) : address_(options.address) {
  connect(options);
  log_in(options);
}

void Connection::connect(const RedisOptions& options) {
  const Address address = parse_address(options.address);
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

void Connection::log_in(const RedisOptions& options) {
  if (!options.password.empty()) {
    options.username.empty() ? command({"AUTH", options.password})
                             : command({"AUTH", options.username, options.password});
  }
  if (options.database != 0) {
    command({"SELECT", std::to_string(options.database)});
  }
  command({"PING"});
}

Connection::Reply Connection::command(Words words) {
  send(words);
  return receive();
}

void Connection::send(Words words) {
  Argv argv(words);
  if (redisAppendCommandArgv(context_.get(), argv.count(), argv.texts.data(),
                             argv.lengths.data()) != REDIS_OK) {
    fail_transfer();
  }
}

Connection::Reply Connection::receive() {
  const base::SigpipeBlock block;
  void* received = nullptr;
  errno = 0;
  if (redisGetReply(context_.get(), &received) != REDIS_OK) {
    fail_transfer();
  }
  Reply reply(static_cast<redisReply*>(received));
  if (reply->type == REDIS_REPLY_ERROR) {
    fail_reply({reply->str, static_cast<std::size_t>(reply->len)});
  }
  return reply;
}

void Connection::flush() {
  const base::SigpipeBlock block;
  for (int done = 0; done == 0;) {
    errno = 0;
    if (redisBufferWrite(context_.get(), &done) != REDIS_OK) {
      fail_transfer();
    }
  }
}

bool Connection::read(std::string_view key, const Sink& sink) {
  send({"GET", key});
  flush();
  const std::string line = read_line();
  if (line.starts_with('-')) {
    fail_reply(std::string_view(line).substr(1));
  }
  if (line == "$-1") {
    return false;
  }
  const Bytes total = parse_length(line);
  for (Bytes done; done < total;) {
    fill_input();
    const auto piece = unread_.first(std::min(unread_.size(), (total - done).value));
    unread_ = unread_.subspan(piece.size());
    sink(piece, total);
    done += Bytes{piece.size()};
  }
  if (!read_line().empty() || !unread_.empty()) {
    fail_protocol("expected nothing behind a value");
  }
  return true;
}

void Connection::set(std::string_view key, Bytes size, const Source& source) {
  const auto append = [&](std::string_view text) {
    if (redisAppendFormattedCommand(context_.get(), text.data(), text.size()) != REDIS_OK) {
      fail_transfer();
    }
  };
  append(fmt::format("*3\r\n$3\r\nSET\r\n${}\r\n{}\r\n${}\r\n", key.size(), key, size.value));
  std::vector<std::byte> buffer(std::min<std::uint64_t>(kPiece, size.value));
  for (Bytes done; done < size;) {
    const auto piece =
        std::span(buffer).first(std::min<std::uint64_t>(buffer.size(), (size - done).value));
    source(piece);
    append({reinterpret_cast<const char*>(piece.data()), piece.size()});
    flush();
    done += Bytes{piece.size()};
  }
  append("\r\n");
  receive();
}

bool Connection::usable() const noexcept {
  pollfd entry{context_->fd, POLLIN | POLLRDHUP, 0};
  return ::poll(&entry, 1, 0) == 0;
}

void Connection::interrupt() noexcept { ::shutdown(context_->fd, SHUT_RDWR); }

// Reads from the socket unless something is unread.
void Connection::fill_input() {
  if (!unread_.empty()) {
    return;
  }
  input_.resize(kPiece);
  errno = 0;
  const ssize_t got = tls_ ? read_tls(*context_, input_) : base::retry_eintr([&] {
    return ::recv(context_->fd, input_.data(), input_.size(), 0);
  });
  if (got <= 0) {
    fail_transfer();
  }
  unread_ = std::span(input_).first(static_cast<std::size_t>(got));
}

std::string Connection::read_line() {
  static constexpr std::size_t kLongest = 4096;
  std::string line;
  for (;;) {
    fill_input();
    const char next = static_cast<char>(unread_[0]);
    unread_ = unread_.subspan(1);
    if (next == '\n' && line.ends_with('\r')) {
      line.pop_back();
      return line;
    }
    if (line.size() == kLongest) {
      fail_protocol("expected a line of at most 4096 bytes");
    }
    line += next;
  }
}

Bytes Connection::parse_length(std::string_view line) const {
  const auto length =
      line.starts_with('$') ? base::parse_number<std::uint64_t>(line.substr(1)) : std::nullopt;
  if (!length || *length > kMaximumValue.value) {
    fail_protocol("expected the length of a value of at most 512 MiB");
  }
  return {*length};
}

void Connection::fail_reply(std::string_view text) const {
  static constexpr std::size_t kLongestQuote = 200;
  base::fail(kind_of_reply(text), kAsking, address_, base::printable(text, kLongestQuote));
}

// The reason is in errno, which was 0 before the call that failed, or in hiredis' context.
void Connection::fail_transfer() const {
  const int error_number = errno;
  if (error_number == EAGAIN || error_number == EWOULDBLOCK || error_number == ETIMEDOUT) {
    base::fail(ErrorKind::timeout, kAsking, address_, "timed out");
  }
  if (context_->err != 0 && context_->err != REDIS_ERR_EOF) {
    base::fail(ErrorKind::io, kAsking, address_, context_->errstr);
  }
  base::fail(ErrorKind::io, kAsking, address_,
             context_->err == REDIS_ERR_EOF || error_number == 0
                 ? "the server closed the connection"
                 : std::strerror(error_number));
}

void Connection::fail_protocol(const std::string& reason) const {
  base::fail(ErrorKind::corrupt, kAsking, address_, reason);
}

}  // namespace faasnap::redis
