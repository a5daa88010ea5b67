// SPDX-License-Identifier: Apache-2.0

#include "store/resp_parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <new>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/text.h"

namespace faasnap::store {

// The request under construction; hiredis calls back with each of its parts. Exceptions must not
// pass through hiredis: a callback that refuses a part returns null and sets `refusal`.
struct RespParser::Request {
  std::vector<std::string> arguments;
  std::size_t declared = 0;
  // Bytes of all arguments, and of the largest.
  std::size_t total = 0;
  std::size_t largest = 0;
  std::string refusal;

  void* refuse(const char* reason) {
    refusal = reason;
    return nullptr;
  }

  void* begin(std::size_t count, bool nested) {
    if (nested) {
      return refuse("expected a bulk string, got an array in an array");
    }
    if (count > kMaximumArguments) {
      return refuse("too many arguments");
    }
    *this = Request();
    declared = count;
    return this;
  }

  bool fits(std::size_t length) const {
    const std::size_t new_largest = std::max(largest, length);
    return new_largest <= kMaximumLarge.value &&
           total + length - new_largest <= kMaximumSmall.value;
  }

  void* add(std::string_view argument) {
    if (!fits(argument.size())) {
      return refuse("request is too large");
    }
    try {
      arguments.emplace_back(argument);
    } catch (const std::bad_alloc&) {
      return refuse("out of memory");
    }
    total += argument.size();
    largest = std::max(largest, argument.size());
    return this;
  }
};

namespace {

template <typename Request>
Request& request_of(const redisReadTask* task) {
  return *static_cast<Request*>(task->privdata);
}

}  // namespace

void RespParser::Deleter::operator()(Request* request) const noexcept { delete request; }

redisReplyObjectFunctions* RespParser::callbacks() {
  static redisReplyObjectFunctions functions = [] {
    redisReplyObjectFunctions made{};
    made.createString = [](const redisReadTask* task, char* text, std::size_t length) -> void* {
      auto& request = request_of<Request>(task);
      if (task->parent == nullptr || task->type != REDIS_REPLY_STRING) {
        return request.refuse("expected an array of bulk strings");
      }
      return request.add({text, length});
    };
    // `count` is int or size_t, depending on the version of hiredis.
    made.createArray = [](const redisReadTask* task, auto count) -> void* {
      return request_of<Request>(task).begin(static_cast<std::size_t>(count),
                                             task->parent != nullptr);
    };
    made.createInteger = [](const redisReadTask* task, long long) -> void* {
      return request_of<Request>(task).refuse("expected an array of bulk strings, got an integer");
    };
    made.createNil = [](const redisReadTask* task) -> void* {
      return request_of<Request>(task).refuse("expected an array of bulk strings, got a nil");
    };
    made.freeObject = [](void*) {};  // the parser owns the request
    return made;
  }();
  return &functions;
}

RespParser::RespParser() : request_(new Request) { start_reader(); }

void RespParser::start_reader() {
  reader_.reset(redisReaderCreateWithFunctions(callbacks()));
  if (reader_ == nullptr) {
    throw std::bad_alloc();
  }
  reader_->privdata = request_.get();
}

void RespParser::feed(std::span<const std::byte> data) {
  const auto* text = reinterpret_cast<const char*>(data.data());
  if (redisReaderFeed(reader_.get(), text, data.size()) != REDIS_OK) {
    reject(reader_->errstr);
  }
}

std::optional<std::vector<std::string>> RespParser::next() {
  for (;;) {
    void* complete = nullptr;
    pending_ = {};
    if (redisReaderGetReply(reader_.get(), &complete) != REDIS_OK) {
      reject(request_->refusal.empty() ? reader_->errstr : request_->refusal);
    }
    if (complete == nullptr) {
      check_pending();
      return std::nullopt;
    }
    if (request_->arguments.size() != request_->declared) {
      reject("expected an array of bulk strings");
    }
    if (request_->largest > kMaximumSmall.value) {
      shrink();
    }
    if (!request_->arguments.empty()) {  // Redis skips an empty array, too
      return std::exchange(request_->arguments, {});
    }
  }
}

// Starts again with what is unread: hiredis keeps the buffer of a large argument as long as a byte
// of the next request is in it.
void RespParser::shrink() {
  const std::string rest(reader_->buf + reader_->pos, reader_->len - reader_->pos);
  start_reader();
  feed(std::as_bytes(std::span(rest)));
}

// hiredis has consumed the type of the item that it waits for, and keeps the rest, which must be a
// length. Anything longer is a line without end.
void RespParser::check_pending() {
  static constexpr std::size_t kLongestLength = 22;
  const std::string_view rest(reader_->buf + reader_->pos, reader_->len - reader_->pos);
  const auto end = rest.substr(0, kLongestLength).find("\r\n");
  if (end == std::string_view::npos) {
    if (rest.size() >= kLongestLength) {
      reject("expected the length of a bulk string");
    }
    return;
  }
  const auto length = base::parse_number<std::uint64_t>(rest.substr(0, end));
  if (!length) {
    reject("expected the length of a bulk string");
  }
  if (!request_->fits(*length)) {
    reject("request is too large");
  }
  pending_ = {*length};
}

void RespParser::reject(const std::string& reason) {
  base::fail(ErrorKind::corrupt, "parse request", {}, reason);
}

}  // namespace faasnap::store
