// SPDX-License-Identifier: Apache-2.0

#include "hosts/redis_link.h"

#include <fmt/format.h>
#include <hiredis/hiredis.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <new>
#include <stdexcept>
#include <string_view>

#include "base/log.h"

namespace platform::hosts {
namespace {

constexpr std::chrono::seconds kLook{1};
// How deep a reply may be nested; no command of the platform has a deeper one.
constexpr unsigned kDeepest = 4;
// The server is there, but cannot do its work now: it reads its files, cannot write them, waits for
// another server, or wants another password.
constexpr std::array<std::string_view, 8> kPassing = {
    "LOADING", "MISCONF", "OOM", "MASTERDOWN", "READONLY", "CLUSTERDOWN", "NOAUTH", "WRONGPASS"};

// The server had closed a connection that was open.
struct Closed : StoreLost {
  using StoreLost::StoreLost;
};

timeval time_of(std::chrono::nanoseconds time) {
  const auto whole = std::chrono::duration_cast<std::chrono::microseconds>(time).count();
  return {.tv_sec = whole / 1'000'000, .tv_usec = whole % 1'000'000};
}

Reply reply_of(const redisReply& raw, unsigned depth = 0) {
  Reply reply;
  reply.number = raw.integer;
  if (raw.type == REDIS_REPLY_STRING || raw.type == REDIS_REPLY_STATUS ||
      raw.type == REDIS_REPLY_ERROR) {
    reply.text.emplace(raw.str, raw.len);
  }
  for (std::size_t i = 0; i < raw.elements && depth < kDeepest; ++i) {
    reply.items.push_back(reply_of(*raw.element[i], depth + 1));
  }
  return reply;
}

// SharedStore has checked the address.
redisContext* opened(const faasnap::RedisOptions& options) {
  const std::string& address = options.address;
  const timeval time = time_of(options.connect_timeout);
  if (address.find('/') != std::string::npos) {
    return redisConnectUnixWithTimeout(address.c_str(), time);
  }
  const auto colon = address.rfind(':');
  std::string host = address.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
  }
  return redisConnectWithTimeout(host.c_str(), std::stoi(address.substr(colon + 1)), time);
}

}  // namespace

// An open connection.
class RedisLink::Connection {
 public:
  explicit Connection(const faasnap::RedisOptions& options)
      : address_(options.address), context_(opened(options), &redisFree) {
    if (context_ == nullptr) {
      throw std::bad_alloc();
    }
    if (context_->err != 0) {
      throw StoreLost(message(context_->errstr));
    }
    redisSetTimeout(context_.get(), time_of(options.timeout));
    if (!options.password.empty()) {
      send({"AUTH", options.password});
    }
  }

  Reply send(const std::vector<std::string>& arguments) {
    std::vector<const char*> texts;
    std::vector<std::size_t> sizes;
    for (const std::string& argument : arguments) {
      texts.push_back(argument.data());
      sizes.push_back(argument.size());
    }
    const std::unique_ptr<redisReply, decltype(&freeReplyObject)> raw(
        static_cast<redisReply*>(redisCommandArgv(context_.get(), static_cast<int>(texts.size()),
                                                  texts.data(), sizes.data())),
        &freeReplyObject);
    if (raw == nullptr) {
      const bool late = context_->err == REDIS_ERR_IO && (errno == EAGAIN || errno == ETIMEDOUT);
      if (late) {
        throw StoreLost(message("no answer in time"));
      }
      throw Closed(message(context_->errstr));
    }
    Reply reply = reply_of(*raw);
    if (raw->type == REDIS_REPLY_ERROR) {
      if (std::ranges::any_of(kPassing, [&](auto each) { return reply.text->starts_with(each); })) {
        throw StoreLost(message(*reply.text));
      }
      throw std::runtime_error(message(*reply.text));
    }
    return reply;
  }

 private:
  std::string message(std::string_view reason) const {
    return fmt::format("the hosts' store at {}: {}", address_, reason);
  }

  const std::string address_;
  const std::unique_ptr<redisContext, decltype(&redisFree)> context_;
};

RedisLink::RedisLink(faasnap::RedisOptions options)
    : options_(std::move(options)), thread_([this](const std::stop_token& stop) { watch(stop); }) {}

RedisLink::~RedisLink() = default;

Reply RedisLink::command(const std::vector<std::string>& arguments) {
  const std::lock_guard lock(mutex_);
  if (!lost_.empty()) {
    throw StoreLost(lost_);
  }
  try {
    if (connection_ != nullptr) {
      try {
        return connection_->send(arguments);
      } catch (const Closed&) {
        // The server may have been started anew.
      }
    }
    connection_ = std::make_unique<Connection>(options_);
    return connection_->send(arguments);
  } catch (const StoreLost& error) {
    connection_.reset();
    lost_ = error.what();
    is_lost_ = true;
    ++losses_;
    log(LogLevel::error,
        lost_ + "; what this host knows is served, and changes of functions are refused");
    changed_.notify_all();
    throw;
  }
}

void RedisLink::watch(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (changed_.wait(lock, stop, [this] { return !lost_.empty(); })) {
    changed_.wait_for(lock, stop, kLook, [] { return false; });
    if (stop.stop_requested()) {
      return;
    }
    // Meanwhile commands go on failing at once.
    lock.unlock();
    std::unique_ptr<Connection> found;
    try {
      found = std::make_unique<Connection>(options_);
      found->send({"PING"});
    } catch (const std::exception&) {
      found.reset();
    }
    lock.lock();
    if (found != nullptr) {
      connection_ = std::move(found);
      lost_.clear();
      is_lost_ = false;
      log(LogLevel::info, fmt::format("the hosts' store at {} is back", options_.address));
    }
  }
}

}  // namespace platform::hosts
