// SPDX-License-Identifier: Apache-2.0

#include "lambda/event_stream.h"

#include <zlib.h>

#include <cstdint>

#include "lambda/configuration.h"

namespace platform::lambda {
namespace {

constexpr char kText = 7;

std::uint32_t crc32_of(std::string_view bytes) {
  return static_cast<std::uint32_t>(
      ::crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

void append_number(std::string& bytes, std::uint64_t value, int size) {
  for (int shift = 8 * (size - 1); shift >= 0; shift -= 8) {
    bytes += static_cast<char>(value >> shift & 0xff);
  }
}

std::string event(std::string_view type, std::string_view content_type, std::string_view payload) {
  return event_message(
      {{":event-type", type}, {":content-type", content_type}, {":message-type", "event"}},
      payload);
}

}  // namespace

std::string event_message(const EventHeaders& headers, std::string_view payload) {
  std::string lines;
  for (const auto& [name, value] : headers) {
    append_number(lines, name.size(), 1);
    lines += name;
    lines += kText;
    append_number(lines, value.size(), 2);
    lines += value;
  }
  // Two lengths and their checksum before, the checksum of all behind.
  constexpr std::size_t kFrame = 16;
  std::string message;
  message.reserve(kFrame + lines.size() + payload.size());
  append_number(message, kFrame + lines.size() + payload.size(), 4);
  append_number(message, lines.size(), 4);
  append_number(message, crc32_of(message), 4);
  message += lines;
  message += payload;
  append_number(message, crc32_of(message), 4);
  return message;
}

std::string payload_chunk(std::string_view piece) {
  return event("PayloadChunk", "application/octet-stream", piece);
}

std::string invoke_complete(const StreamEnd& end) {
  Json body = Json::object();
  if (!end.error_code.empty()) {
    body["ErrorCode"] = end.error_code;
    body["ErrorDetails"] = end.error_details;
  }
  if (end.has_log) {
    body["LogResult"] = end.log;
  }
  return event("InvokeComplete", "application/json",
               body.dump(-1, ' ', false, Json::error_handler_t::replace));
}

}  // namespace platform::lambda
