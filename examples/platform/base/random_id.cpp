// SPDX-License-Identifier: Apache-2.0

#include "base/random_id.h"

#include <sys/random.h>

#include <cerrno>
#include <string_view>
#include <system_error>

#include "base/digest.h"

namespace platform {
namespace {

std::string random_bytes(std::size_t count) {
  std::string bytes(count, '\0');
  // Up to 256 bytes come whole (getrandom(2)).
  if (::getrandom(bytes.data(), count, 0) != static_cast<ssize_t>(count)) {
    throw std::system_error(errno, std::generic_category(), "getrandom");
  }
  return bytes;
}

}  // namespace

std::string random_hex(std::size_t bytes) { return hex(random_bytes(bytes)); }

std::string random_uuid() {
  std::string bytes = random_bytes(16);
  bytes[6] = static_cast<char>((bytes[6] & 0x0f) | 0x40);
  bytes[8] = static_cast<char>((bytes[8] & 0x3f) | 0x80);
  std::string id = hex(bytes);
  for (const std::size_t at : {20U, 16U, 12U, 8U}) {
    id.insert(at, "-");
  }
  return id;
}

std::string random_word(std::size_t length) {
  static constexpr std::string_view kCharacters =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
  std::string word;
  while (word.size() < length) {
    // The largest multiple of the number of characters: each is as likely as any other.
    constexpr std::size_t kEven = 256 / kCharacters.size() * kCharacters.size();
    for (const char byte : random_bytes(length)) {
      const auto value = static_cast<unsigned char>(byte);
      if (value < kEven && word.size() < length) {
        word += kCharacters[value % kCharacters.size()];
      }
    }
  }
  return word;
}

}  // namespace platform
