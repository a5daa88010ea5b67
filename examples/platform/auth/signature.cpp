// SPDX-License-Identifier: Apache-2.0

#include "auth/signature.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/digest.h"

namespace platform::auth {
namespace {

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";
constexpr std::size_t kMostText = 8 << 10;

std::string_view trimmed(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t");
  return begin == std::string_view::npos
             ? std::string_view()
             : text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

std::vector<std::string_view> pieces(std::string_view text, char separator) {
  std::vector<std::string_view> pieces;
  for (;;) {
    const auto end = text.find(separator);
    pieces.push_back(text.substr(0, end));
    if (end == std::string_view::npos) {
      return pieces;
    }
    text.remove_prefix(end + 1);
  }
}

bool consists_of(std::string_view text, std::string_view characters) {
  return text.find_first_not_of(characters) == std::string_view::npos;
}

bool take_scope(std::string_view credential, Authorization& authorization) {
  const auto parts = pieces(credential, '/');
  if (parts.size() != 5 || parts[4] != "aws4_request" || parts[1].size() != 8 ||
      !consists_of(parts[1], "0123456789") || parts[0].empty()) {
    return false;
  }
  authorization.access_key = parts[0];
  authorization.date = parts[1];
  authorization.region = parts[2];
  authorization.service = parts[3];
  return true;
}

bool take_headers(std::string_view list, Authorization& authorization) {
  for (const std::string_view name : pieces(list, ';')) {
    if (name.empty() || !consists_of(name, "abcdefghijklmnopqrstuvwxyz0123456789-_.!#$%&'*+^`|~")) {
      return false;
    }
    authorization.signed_headers.emplace_back(name);
  }
  const auto& names = authorization.signed_headers;
  return std::ranges::adjacent_find(names, std::greater_equal<>()) == names.end();
}

std::string encoded(std::string_view text, std::string_view kept) {
  std::string result;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (plain || kept.find(c) != std::string_view::npos) {
      result += c;
    } else {
      result += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return result;
}

int digit_of(char c) {
  return c >= '0' && c <= '9'   ? c - '0'
         : c >= 'a' && c <= 'f' ? c - 'a' + 10
         : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                : -1;
}

std::string decoded(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && digit_of(text[i + 1]) >= 0 &&
        digit_of(text[i + 2]) >= 0) {
      result += static_cast<char>(16 * digit_of(text[i + 1]) + digit_of(text[i + 2]));
      i += 2;
    } else {
      result += text[i];
    }
  }
  return result;
}

std::string canonical_query(std::string_view query) {
  std::vector<std::pair<std::string, std::string>> parameters;
  for (const std::string_view each : pieces(query, '&')) {
    const auto equals = each.find('=');
    const auto value =
        equals == std::string_view::npos ? std::string_view() : each.substr(equals + 1);
    if (!each.empty()) {
      parameters.emplace_back(encoded(decoded(each.substr(0, equals)), "-_.~"),
                              encoded(decoded(value), "-_.~"));
    }
  }
  std::ranges::sort(parameters);
  std::string text;
  for (const auto& [name, value] : parameters) {
    text += fmt::format("{}{}={}", text.empty() ? "" : "&", name, value);
  }
  return text;
}

// Without blanks around it, and with one where there are several.
std::string canonical_value(std::string_view value) {
  std::string text;
  for (const char c : trimmed(value)) {
    if (c != ' ' || !text.ends_with(' ')) {
      text += c;
    }
  }
  return text;
}

}  // namespace

std::string Message::header(const std::string& name) const {
  const auto found = headers.lower_bound(name);
  return found == headers.end() || found->first != name ? std::string() : found->second;
}

std::optional<Authorization> parse_authorization(std::string_view text) {
  if (text.size() > kMostText || !text.starts_with(kAlgorithm) ||
      !text.substr(kAlgorithm.size()).starts_with(' ')) {
    return std::nullopt;
  }
  Authorization authorization;
  bool scope = false;
  bool headers = false;
  for (const std::string_view each : pieces(text.substr(kAlgorithm.size()), ',')) {
    const std::string_view member = trimmed(each);
    const auto equals = member.find('=');
    if (equals == std::string_view::npos) {
      return std::nullopt;
    }
    const std::string_view name = member.substr(0, equals);
    const std::string_view value = member.substr(equals + 1);
    if (name == "Credential" && !scope) {
      scope = take_scope(value, authorization);
    } else if (name == "SignedHeaders" && !headers) {
      headers = take_headers(value, authorization);
    } else if (name == "Signature" && authorization.signature.empty() && value.size() == 64 &&
               consists_of(value, "0123456789abcdef")) {
      authorization.signature = value;
    } else {
      return std::nullopt;
    }
  }
  if (!scope || !headers || authorization.signature.empty()) {
    return std::nullopt;
  }
  return authorization;
}

std::string canonical_request(const Message& message, const Authorization& authorization,
                              std::string_view payload_hash) {
  const std::string_view target = message.target;
  const auto question = target.find('?');
  const auto query =
      question == std::string_view::npos ? std::string_view() : target.substr(question + 1);
  // The path is encoded once more than it is in the request, but for S3.
  std::string text =
      fmt::format("{}\n{}\n{}\n", message.method, encoded(target.substr(0, question), "-_.~/"),
                  canonical_query(query));
  for (const std::string& name : authorization.signed_headers) {
    text += name + ":";
    const auto [begin, end] = message.headers.equal_range(name);
    for (auto header = begin; header != end; ++header) {
      text += (header == begin ? "" : ",") + canonical_value(header->second);
    }
    text += "\n";
  }
  text += "\n" + fmt::to_string(fmt::join(authorization.signed_headers, ";")) + "\n";
  return text.append(payload_hash);
}

std::string signature(const Authorization& authorization, std::string_view time,
                      std::string_view canonical_request, std::string_view secret) {
  const std::string scope = fmt::format("{}/{}/{}/aws4_request", authorization.date,
                                        authorization.region, authorization.service);
  std::string key = "AWS4" + std::string(secret);
  for (const std::string_view part :
       {std::string_view(authorization.date), std::string_view(authorization.region),
        std::string_view(authorization.service), std::string_view("aws4_request")}) {
    key = hmac_sha256(key, part);
  }
  return hex(hmac_sha256(
      key, fmt::format("{}\n{}\n{}\n{}", kAlgorithm, time, scope, hex(sha256(canonical_request)))));
}

}  // namespace platform::auth
