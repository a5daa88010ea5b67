#include "redis/connection.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include <faasnap/object_info.h>

#include "base/error.h"
#include "base/progress.h"
#include "base/sigpipe.h"
#include "base/text.h"
#include "redis/tls.h"

namespace faasnap::redis {
namespace {

constexpr const char* kAsking = "ask Redis";
// What is handed to the socket at once.
constexpr std::size_t kPiece = 256 << 10;

// Of the server's own words.
constexpr std::size_t kWords = 200;

// Redis says the kind of an error with its first word.
ErrorKind kind_of_reply(std::string_view text) {
  const std::string_view word = text.substr(0, text.find(' '));
  if (word == "NOAUTH" || word == "WRONGPASS" || word == "NOPERM" ||
      text.find("AUTH") != std::string_view::npos) {
    return ErrorKind::permission;
  }
  return word == "OOM" ? ErrorKind::no_space : ErrorKind::io;
}

}  // namespace

RedisLink::Reply RedisLink::command(Words words) {
  std::vector<const char*> texts;
  std::vector<std::size_t> lengths;
  for (const std::string_view word : words) {
    texts.push_back(word.data());
    lengths.push_back(word.size());
  }
  const base::SigpipeBlock block;
  errno = 0;
  return checked(static_cast<redisReply*>(redisCommandArgv(
      context_.get(), static_cast<int>(words.size()), texts.data(), lengths.data())));
}

void RedisLink::send(std::initializer_list<std::string_view> words) {
  std::vector<const char*> texts;
  std::vector<std::size_t> lengths;
  for (const std::string_view word : words) {
    texts.push_back(word.data());
    lengths.push_back(word.size());
  }
  if (redisAppendCommandArgv(context_.get(), static_cast<int>(words.size()), texts.data(),
                             lengths.data()) != REDIS_OK) {
    fail_link();
  }
  ++outstanding_;
}

RedisLink::Reply RedisLink::receive() {
  const base::SigpipeBlock block;
  void* reply = nullptr;
  errno = 0;
  if (redisGetReply(context_.get(), &reply) != REDIS_OK) {
    reply = nullptr;
  }
  --outstanding_;
  return checked(static_cast<redisReply*>(reply));
}

RedisLink::Reply RedisLink::checked(redisReply* reply) {
  if (reply == nullptr) {
    fail_link();
  }
  Reply owned(reply);
  if (owned->type == REDIS_REPLY_ERROR) {
    const std::string_view text(owned->str, static_cast<std::size_t>(owned->len));
    base::fail(kind_of_reply(text), kAsking, address_, base::printable(text, kWords));
  }
  return owned;
}

void RedisLink::flush() {
  const base::SigpipeBlock block;
  for (int done = 0; done == 0;) {
    errno = 0;
    if (redisBufferWrite(context_.get(), &done) != REDIS_OK) {
      fail_link();
    }
  }
}

std::optional<Bytes> RedisLink::get(std::string_view key) {
  send({"GET", key});
  flush();
  const std::string line = read_line();
  --outstanding_;
  if (line.starts_with('-')) {
    base::fail(kind_of_reply(std::string_view(line).substr(1)), kAsking, address_,
               base::printable(std::string_view(line).substr(1), kWords));
  }
  if (line == "$-1") {
    return std::nullopt;
  }
  std::uint64_t length = 0;
  const auto [end, error] = std::from_chars(line.data() + 1, line.data() + line.size(), length);
  if (line[0] != '$' || error != std::errc() || end != line.data() + line.size() ||
      length > kMaximumObjectValue.value) {
    fail_protocol("expected the length of a value of at most 512 MiB");
  }
  left_ = {length};
  if (length == 0) {
    read_line_end();
  }
  return left_;
}

std::size_t RedisLink::read(std::span<std::byte> out) {
  out = out.first(std::min<std::uint64_t>(out.size(), left_.value));
  std::size_t got = std::min(out.size(), unread_.size());
  if (got != 0) {
    std::copy_n(unread_.begin(), got, out.begin());
    unread_ = unread_.subspan(got);
  } else {
    got = read_socket(out);
  }
  left_ = left_ - Bytes{got};
  if (left_.value == 0) {
    read_line_end();
  }
  return got;
}

void RedisLink::set(std::string_view key, std::span<const std::byte> value,
                    const Progress& progress) {
  const auto append = [&](std::string_view text) {
    if (redisAppendFormattedCommand(context_.get(), text.data(), text.size()) != REDIS_OK) {
      fail_link();
    }
  };
  broken_ = true;  // until all of the value has been handed over
  append(fmt::format("*3\r\n$3\r\nSET\r\n${}\r\n{}\r\n${}\r\n", key.size(), key, value.size()));
  const Bytes total{value.size()};
  for (Bytes done; done < total;) {
    const auto piece =
        value.subspan(done.value).first(std::min<std::uint64_t>(kPiece, (total - done).value));
    append({reinterpret_cast<const char*>(piece.data()), piece.size()});
    flush();
    done += Bytes{piece.size()};
    base::report_progress(progress, done, total, "store object", {});
  }
  append("\r\n");
  broken_ = false;
  ++outstanding_;
  receive();
}

bool RedisLink::usable() const noexcept {
  pollfd entry{context_->fd, POLLIN | POLLRDHUP, 0};
  // Between commands a server says nothing: what can be read is its end of the connection.
  return !broken_ && outstanding_ == 0 && left_.value == 0 && context_->err == 0 &&
         ::poll(&entry, 1, 0) == 0;
}

std::size_t RedisLink::read_socket(std::span<std::byte> out) {
  errno = 0;
  const ssize_t got =
      tls_ ? read_tls(*context_, out)
           : base::retry_eintr([&] { return ::recv(context_->fd, out.data(), out.size(), 0); });
  if (got <= 0) {
    fail_link();
  }
  return static_cast<std::size_t>(got);
}

std::string RedisLink::read_line() {
  static constexpr std::size_t kLongest = 4096;
  std::string line;
  for (;;) {
    if (unread_.empty()) {
      unread_ = std::span(input_).first(read_socket(input_));
    }
    const char next = static_cast<char>(unread_[0]);
    unread_ = unread_.subspan(1);
    if (next == '\n' && line.ends_with('\r')) {
      line.pop_back();
      if (line.empty()) {
        fail_protocol("expected a reply, got an empty line");
      }
      return line;
    }
    if (line.size() == kLongest) {
      fail_protocol("expected a line of at most 4096 bytes");
    }
    line += next;
  }
}

// Behind a value; nothing may follow until the next command.
void RedisLink::read_line_end() {
  for (const char expected : {'\r', '\n'}) {
    if (unread_.empty()) {
      unread_ = std::span(input_).first(read_socket(input_));
    }
    if (static_cast<char>(unread_[0]) != expected) {
      fail_protocol("expected the end of a value");
    }
    unread_ = unread_.subspan(1);
  }
  if (!unread_.empty()) {
    fail_protocol("expected nothing behind a reply");
  }
}

void RedisLink::fail_link() {
  const int error_number = errno;
  broken_ = true;
  if (error_number == EAGAIN || error_number == EWOULDBLOCK || error_number == ETIMEDOUT) {
    base::fail(ErrorKind::timeout, kAsking, address_, "the server does not answer in time");
  }
  if (context_->err != 0 && context_->err != REDIS_ERR_EOF) {
    base::fail(ErrorKind::io, kAsking, address_, context_->errstr);
  }
  base::fail(ErrorKind::io, kAsking, address_,
             context_->err == REDIS_ERR_EOF || error_number == 0
                 ? "the server has closed the connection"
                 : std::strerror(error_number));
}

void RedisLink::fail_protocol(const std::string& reason) {
  broken_ = true;
  base::fail(ErrorKind::corrupt, kAsking, address_, reason);
}

std::string redis_key(const RedisOptions& options, std::string_view key) {
  static constexpr const char* kOperation = "object store";
  if (key.empty() || key.size() > kMaximumObjectKey) {
    base::fail(ErrorKind::invalid_argument, kOperation, {},
               fmt::format("key of {} bytes, expected 1 to {}", key.size(), kMaximumObjectKey));
  }
  std::string whole = options.prefix + std::string(key);
  if (whole.starts_with(kReservedKeys)) {
    base::fail(ErrorKind::invalid_argument, kOperation, {},
               fmt::format("keys that begin with '{}' are reserved", kReservedKeys));
  }
  return whole;
}

}  // namespace faasnap::redis
