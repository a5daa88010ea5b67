// SPDX-License-Identifier: Apache-2.0

#include "store/resp_session.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "base/error.h"
#include "base/text.h"

namespace faasnap::store {
namespace {

// Replies are sent when they have this size, or when there is no other request. Larger values are
// streamed.
constexpr std::size_t kOutput = 64 << 10;

using Arguments = std::vector<std::string>;

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
  void (RespSession::*run)(const Request&);
  // `keys`: each argument is a key, and costs as much as a request. `value`: the last argument may
  // be one that the parser does not hold.
  enum class Takes { words, keys, value } takes = Takes::words;
};

const std::vector<RespSession::Command>& RespSession::commands() {
  static const std::vector<Command> table{
      {"GET", 2, 2, &RespSession::get},
      {"SET", 3, 3, &RespSession::set, Command::Takes::value},
      {"DEL", 2, kAnyNumber, &RespSession::remove, Command::Takes::keys},
      {"EXISTS", 2, kAnyNumber, &RespSession::exists, Command::Takes::keys},
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

RespSession::RespSession(ObjectStore& store, Account& account, GuestStream& stream,
                         const LogSink& log, std::stop_token stop)
    : account_(account),
      objects_(store, account),
      stream_(stream, account, stop),
      log_(log),
      stop_(std::move(stop)),
      input_(RespParser::kFeed) {}

void RespSession::run() {
  account_.pace_requests(1, stop_);  // a connection costs more than most requests
  try {
    do {
      while (const auto request = parser_.next()) {
        execute(*request);
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
    if (error.kind() == ErrorKind::corrupt && !sending_ && !stream_.broken()) {
      reply_error(fmt::format("Protocol error: {}", error.what()));
      flush();
    }
    throw;
  }
}

// Returns false at the end of the stream.
bool RespSession::read_more() {
  const std::size_t got = parser_.idle() ? stream_.read_first(input_) : stream_.read(input_);
  parser_.feed(std::span(input_).first(got));
  return got != 0;
}

// Fills `out` with the next bytes of the request's value.
void RespSession::read_value(std::span<std::byte> out) {
  while (!out.empty()) {
    const std::size_t taken = parser_.take_value(out);
    out = out.subspan(taken);
    if (taken == 0 && !read_more()) {
      gone_ = true;
      base::fail(ErrorKind::guest, "read value", {}, "the guest has closed the connection");
    }
  }
}

void RespSession::execute(const Request& request) {
  const Arguments& arguments = request.arguments;
  const std::string name = upper_case(arguments[0]);
  const auto& table = commands();
  const auto command =
      std::find_if(table.begin(), table.end(), [&](const auto& c) { return c.name == name; });
  if (command == table.end()) {
    // Clients that try HELLO first look for these words.
    return reply_error(fmt::format("unknown command '{}'", base::printable(arguments[0])));
  }
  const std::size_t count = arguments.size() + (request.value ? 1 : 0);
  if (count < command->least || count > command->most) {
    return reply_error(fmt::format("wrong number of arguments for '{}' command", command->name));
  }
  if (request.value && command->takes != Command::Takes::value) {
    return reply_error(fmt::format("argument of '{}' command is too large", command->name));
  }
  account_.pace_requests(command->takes == Command::Takes::keys ? count - 1 : 1, stop_);
  try {
    (this->*command->run)(request);
  } catch (const Error& error) {
    if (gone_ || stream_.broken()) {
      throw;
    }
    account_.log(log_, LogLevel::warning, fmt::format("{}: {}", command->name, error.what()));
    if (sending_) {
      throw;  // a reply that has begun cannot report an error
    }
    // The guest learns the kind only, and no paths or addresses of the host.
    reply_error(fmt::format("{} failed: {}", command->name, to_string(error.kind())));
  }
}

void RespSession::flush() {
  sending_ = true;
  stream_.write(std::as_bytes(std::span(output_)));
  output_.clear();
  sending_ = false;
}

void RespSession::get(const Request& request) {
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
    stream_.write(piece);
  };
  if (!objects_.read(request.arguments[1], sink, stop_)) {
    return reply_nil();
  }
  if (!sending_) {
    return reply_bulk(small);
  }
  sending_ = false;
  output_ += "\r\n";
}

void RespSession::set(const Request& request) {
  if (request.value) {
    objects_.write(
        request.arguments[1], *request.value, [this](auto out) { read_value(out); }, stop_);
  } else {
    auto rest = std::as_bytes(std::span(request.arguments[2]));
    const auto held = [&rest](std::span<std::byte> out) {
      std::ranges::copy(rest.first(out.size()), out.begin());
      rest = rest.subspan(out.size());
    };
    objects_.write(request.arguments[1], {rest.size()}, held, stop_);
  }
  reply_status("OK");
}

void RespSession::remove(const Request& request) {
  std::uint64_t removed = 0;
  for (std::size_t i = 1; i < request.arguments.size(); ++i) {
    removed += objects_.remove(request.arguments[i], stop_);
  }
  reply_integer(removed);
}

void RespSession::exists(const Request& request) {
  std::uint64_t found = 0;
  for (std::size_t i = 1; i < request.arguments.size(); ++i) {
    found += objects_.size(request.arguments[i], stop_).has_value();
  }
  reply_integer(found);
}

void RespSession::length(const Request& request) {
  reply_integer(objects_.size(request.arguments[1], stop_).value_or(Bytes{0}).value);
}

void RespSession::ping(const Request& request) {
  request.arguments.size() == 1 ? reply_status("PONG") : reply_bulk(request.arguments[1]);
}

void RespSession::echo(const Request& request) { reply_bulk(request.arguments[1]); }

void RespSession::client(const Request& request) {
  const std::string what = upper_case(request.arguments[1]);
  if (what == "SETNAME" || what == "SETINFO") {
    return reply_status("OK");
  }
  reply_error(fmt::format("unknown subcommand '{}'", base::printable(request.arguments[1])));
}

void RespSession::select(const Request& request) {
  request.arguments[1] == "0" ? reply_status("OK") : reply_error("DB index is out of range");
}

void RespSession::describe_commands(const Request&) { output_ += "*0\r\n"; }

void RespSession::info(const Request&) {
  reply_bulk("# Server\r\nserver_name:faasnap\r\nredis_mode:standalone\r\n");
}

void RespSession::quit(const Request&) {
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
