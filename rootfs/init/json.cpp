// SPDX-License-Identifier: Apache-2.0

#include "json.h"

#include <cstdint>

#include "rapidjson.h"
#include "text.h"

namespace faasnap::init {
namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";

// Returns how many bytes the character at the start of `text` has; 0 if it is not UTF-8
// (RFC 3629, section 4).
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) {
    return 1;
  }
  const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < length) {
    return 0;
  }
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) {
      return 0;
    }
  }
  const unsigned char second = byte(1);
  const bool overlong = (first == 0xe0 && second < 0xa0) || (first == 0xf0 && second < 0x90);
  const bool surrogate = first == 0xed && second > 0x9f;
  const bool too_large = first == 0xf4 && second > 0x8f;
  return overlong || surrogate || too_large ? 0 : length;
}

// Takes the value of one member of the outermost object, and looks at the rest only to find it.
class StringMember : public rapidjson::BaseReaderHandler<rapidjson::UTF8<>, StringMember> {
 public:
  explicit StringMember(std::string_view name) : name_(name) {}

  bool Key(const char* text, rapidjson::SizeType length, bool) {
    wanted_ = depth_ == 1 && std::string_view(text, length) == name_;
    return true;
  }
  bool String(const char* text, rapidjson::SizeType length, bool) {
    if (wanted_) {
      value_.assign(text, length);
    }
    return Default();
  }
  bool StartObject() { return open(); }
  bool StartArray() { return open(); }
  bool EndObject(rapidjson::SizeType) { return close(); }
  bool EndArray(rapidjson::SizeType) { return close(); }
  bool Default() {
    wanted_ = false;
    return true;
  }

  std::string take() { return std::move(value_); }

 private:
  // The level of an array at the outside counts too: it has no keys.
  bool open() {
    ++depth_;
    return Default();
  }
  bool close() {
    --depth_;
    return true;
  }

  const std::string_view name_;
  std::uint64_t depth_ = 0;
  bool wanted_ = false;
  std::string value_;
};

template <typename Handler>
bool parse_json(std::string_view text, Handler& handler) {
  rapidjson::MemoryStream stream(text.data(), text.size());
  rapidjson::Reader reader;
  return !reader.Parse<kJsonFlags>(stream, handler).IsError();
}

}  // namespace

bool is_json(std::string_view text) {
  rapidjson::BaseReaderHandler<> nothing;
  return parse_json(text, nothing);
}

std::string json_quote(std::string_view text) {
  std::string quoted = "\"";
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    const char first = text[0];
    if (length == 0) {
      quoted += kReplacement;
    } else if (first == '"' || first == '\\') {
      quoted += '\\';
      quoted += first;
    } else if (length == 1 && static_cast<unsigned char>(first) < 0x20) {
      quoted += format("\\u%04x", static_cast<unsigned>(first));
    } else {
      quoted += text.substr(0, length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  quoted += '"';
  return quoted;
}

std::string json_string_member(std::string_view text, std::string_view name) {
  StringMember member(name);
  return parse_json(text, member) ? member.take() : std::string();
}

}  // namespace faasnap::init
