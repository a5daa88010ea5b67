// SPDX-License-Identifier: Apache-2.0

#include "format/signature_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/error.h"
#include "format/text_fields.h"

namespace faasnap::format {
namespace {

constexpr std::string_view kFirstSignatureLine = "faasnap signature ";
constexpr std::string_view kSignatureVersion = "1";
constexpr std::string_view kPartPrefix = "sha256.";

// Fills `bytes` with the value of `key`.
void read_hex(TextReader& in, const std::string& key, std::string_view value,
              std::span<std::byte> bytes) {
  for (std::size_t i = 0; i < bytes.size() && 2 * i + 2 <= value.size(); ++i) {
    const char* digits = value.data() + 2 * i;
    std::uint8_t byte = 0;
    std::from_chars(digits, digits + 2, byte, 16);
    bytes[i] = std::byte{byte};
  }
  if (to_hex(bytes) != value) {
    in.reject(fmt::format("the value of '{}' is not {} hexadecimal digits", key, 2 * bytes.size()));
  }
}

}  // namespace

std::string to_hex(std::span<const std::byte> bytes) {
  std::string text;
  for (const std::byte byte : bytes) {
    text += fmt::format("{:02x}", std::to_integer<unsigned>(byte));
  }
  return text;
}

std::string pages_part(std::string_view page_set_file) {
  return fmt::format("{}.pages", page_set_file);
}

std::string signed_text(const SignatureContent& content) {
  TextWriter out("signature");
  out.text("key", to_hex(content.key_id));
  for (const auto& [name, digest] : content.parts) {
    if (!is_key(name)) {
      out.refuse(fmt::format("'{}' is not the name of a part", name));
    }
    out.text(fmt::format("{}{}", kPartPrefix, name), to_hex(digest));
  }
  return fmt::format("{}{}\n", kFirstSignatureLine, kSignatureVersion) + out.take();
}

std::string encode_signature(const SignatureContent& content) {
  return fmt::format("{}signature = {}\n", signed_text(content), to_hex(content.signature));
}

SignatureContent decode_signature(std::string_view text, const std::filesystem::path& file) {
  TextReader in(file);
  if (text.size() > kMaximumSignature.value) {
    in.reject(fmt::format("file has {} bytes, expected at most {}", text.size(),
                          kMaximumSignature.value));
  }
  std::string_view rest = text;
  const std::string_view first = take_line(rest);
  if (!first.starts_with(kFirstSignatureLine)) {
    in.reject(fmt::format("does not begin with '{}{}'", kFirstSignatureLine, kSignatureVersion));
  }
  if (first.substr(kFirstSignatureLine.size()) != kSignatureVersion) {
    base::fail(ErrorKind::version, "read", file,
               fmt::format("signature has version '{}', expected {}",
                           first.substr(kFirstSignatureLine.size()), kSignatureVersion));
  }
  while (!rest.empty()) {
    in.add_line(take_line(rest));
  }
  SignatureContent content;
  read_hex(in, "key", in.text("key"), content.key_id);
  for (const auto& [name, value] : in.texts(kPartPrefix)) {
    if (name.empty()) {
      in.reject("a part has no name");
    }
    read_hex(in, fmt::format("{}{}", kPartPrefix, name), value, content.parts[name]);
  }
  read_hex(in, "signature", in.text("signature"), content.signature);
  in.finish();
  // What is signed is this text, so no other may have the same meaning.
  if (encode_signature(content) != text) {
    in.reject("the lines are not those of a signature, in their order");
  }
  return content;
}

}  // namespace faasnap::format
