// SPDX-License-Identifier: Apache-2.0

#include "store/resp_session.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "base/error.h"
#include "base/text.h"

namespace faasnap::store {
namespace {

// Replies are sent when they have this size, or when there is no other request. Larger values are
// streamed.
constexpr std::size_t kOutput = 64 << 10;

constexpr std::size_t kAnyNumber = std::numeric_limits<std::size_t>::max();

std::string upper_case(std::string_view text) {
  std::string result(text);
  for (char& letter : result) {
    if (letter >= 'a' && letter <= 'z') {
      letter = static_cast<char>(letter - 'a' + 'A');
    }
  }
  return result;
}

}  // namespace

struct RespSession::Command {
  std::string_view name;
  // Number of arguments, including the name.
  std::size_t least;
  std::size_t most;
  void (RespSession::*run)(const Arguments&);
};

const std::vector<RespSession::Command>& RespSession::commands() {
  static const std::vector<Command> table{
      {"GET", 2, 2, &RespSession::get},
      {"SET", 3, 3, &RespSession::set},
      {"DEL", 2, kAnyNumber, &RespSession::remove},
      {"EXISTS", 2, kAnyNumber, &RespSession::exists},
      {"STRLEN", 2, 2, &RespSession::length},
      {"PING", 1, 2, &RespSession::ping},
      // Client libraries send these when they connect.
      {"ECHO", 2, 2, &RespSession::echo},
      {"CLIENT", 2, kAnyNumber, &RespSession::client},
      {"SELECT", 2, 2, &RespSession::select},
      {"COMMAND", 1, kAnyNumber, &RespSession::describe_commands},
      {"INFO", 1, kAnyNumber, &RespSession::info},
      {"QUIT", 1, kAnyNumber, &RespSession::quit},
  };
  return table;
}

RespSession::RespSession(ObjectStore& store, GuestStream& stream, ByteBudget& budget,
                         const LogSink& log, std::stop_token stop)
    : store_(store),
      stream_(stream),
      budget_(budget),
      log_(log),
      stop_(std::move(stop)),
      input_(RespParser::kFeed) {}

void RespSession::run() {
  try {
    do {
      while (auto request = parser_.next()) {
        execute(*request);
        request.reset();
        piece_ = {};
        if (output_.size() >= kOutput) {
          flush();
        }
        if (quit_) {
          flush();
          return;
        }
      }
      flush();
    } while (read_more());
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::corrupt && !sending_) {
      reply_error(fmt::format("Protocol error: {}", error.what()));
      flush();
    }
    throw;
  }
}

// Returns false at the end of the stream.
bool RespSession::read_more() {
  const Bytes pending = parser_.pending();
  const bool large = pending > RespParser::kMaximumSmall;
  if (large && piece_.size() < pending) {
    piece_ = {};  // a session that waits holds nothing that others wait for
    piece_ = budget_.take(pending, kStall);
  }
  const std::size_t got = stream_.read(input_, large ? kStall : kForever);
  parser_.feed(std::span(input_).first(got));
  return got != 0;
}

void RespSession::execute(Arguments& request) {
  const std::string name = upper_case(request[0]);
  const auto& table = commands();
  const auto command =
      std::find_if(table.begin(), table.end(), [&](const auto& c) { return c.name == name; });
  if (command == table.end()) {
    // Clients that try HELLO first look for these words.
    return reply_error(fmt::format("unknown command '{}'", base::printable(request[0])));
  }
  if (request.size() < command->least || request.size() > command->most) {
    return reply_error(fmt::format("wrong number of arguments for '{}' command", command->name));
  }
  try {
    (this->*command->run)(request);
  } catch (const Error& error) {
    if (log_) {
      log_(LogLevel::warning, fmt::format("{}: {}", command->name, error.what()));
    }
    if (sending_) {
      throw;  // a reply that has begun cannot report an error
    }
    // The guest learns the kind only, and no paths or addresses of the host.
    reply_error(fmt::format("{} failed: {}", command->name, to_string(error.kind())));
  }
}

void RespSession::flush() {
  sending_ = true;
  stream_.write(std::as_bytes(std::span(output_)), kStall);
  output_.clear();
  sending_ = false;
}

void RespSession::get(const Arguments& request) {
  std::string small;  // a value that is replied when all of it has come
  const auto sink = [&](std::span<const std::byte> piece, Bytes total) {
    if (total.value <= kOutput) {
      small.append(reinterpret_cast<const char*>(piece.data()), piece.size());
      return;
    }
    if (!sending_) {
      output_ += fmt::format("${}\r\n", total.value);
      flush();
      sending_ = true;
    }
    stream_.write(piece, kStall);
  };
  if (!store_.read(request[1], sink, stop_)) {
    return reply_nil();
  }
  if (!sending_) {
    return reply_bulk(small);
  }
  sending_ = false;
  output_ += "\r\n";
}

void RespSession::set(const Arguments& request) {
  store_.set(request[1], std::as_bytes(std::span(request[2])), {}, stop_);
  reply_status("OK");
}

void RespSession::remove(const Arguments& request) {
  std::uint64_t removed = 0;
  for (std::size_t i = 1; i < request.size(); ++i) {
    removed += store_.remove(request[i], stop_);
  }
  reply_integer(removed);
}

void RespSession::exists(const Arguments& request) {
  std::uint64_t found = 0;
  for (std::size_t i = 1; i < request.size(); ++i) {
    found += store_.size(request[i], stop_).has_value();
  }
  reply_integer(found);
}

void RespSession::length(const Arguments& request) {
  reply_integer(store_.size(request[1], stop_).value_or(Bytes{0}).value);
}

void RespSession::ping(const Arguments& request) {
  request.size() == 1 ? reply_status("PONG") : reply_bulk(request[1]);
}

void RespSession::echo(const Arguments& request) { reply_bulk(request[1]); }

void RespSession::client(const Arguments& request) {
  const std::string what = upper_case(request[1]);
  if (what == "SETNAME" || what == "SETINFO") {
    return reply_status("OK");
  }
  reply_error(fmt::format("unknown subcommand '{}'", base::printable(request[1])));
}

void RespSession::select(const Arguments& request) {
  request[1] == "0" ? reply_status("OK") : reply_error("DB index is out of range");
}

void RespSession::describe_commands(const Arguments&) { output_ += "*0\r\n"; }

void RespSession::info(const Arguments&) {
  reply_bulk("# Server\r\nserver_name:faasnap\r\nredis_mode:standalone\r\n");
}

void RespSession::quit(const Arguments&) {
  reply_status("OK");
  quit_ = true;
}

void RespSession::reply_status(std::string_view text) { output_ += fmt::format("+{}\r\n", text); }

void RespSession::reply_error(std::string_view text) {
  output_ += fmt::format("-ERR {}\r\n", text);
}

void RespSession::reply_integer(std::uint64_t value) { output_ += fmt::format(":{}\r\n", value); }

void RespSession::reply_bulk(std::string_view value) {
  output_ += fmt::format("${}\r\n", value.size());
  output_ += value;
  output_ += "\r\n";
}

void RespSession::reply_nil() { output_ += "$-1\r\n"; }

}  // namespace faasnap::store
