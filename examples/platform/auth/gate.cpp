// SPDX-License-Identifier: Apache-2.0

#include "auth/gate.h"

#include <fmt/format.h>
#include <openssl/crypto.h>

#include <algorithm>
#include <ctime>
#include <sstream>

#include "base/digest.h"
#include "state/files.h"

namespace platform::auth {
namespace {

using Time = std::chrono::system_clock::time_point;

constexpr std::chrono::minutes kMostSkew{5};
constexpr std::string_view kBearer = "Bearer ";
constexpr const char* kService = "lambda";

// The lines of a file of secrets, each in words.
std::vector<std::vector<std::string>> secret_lines(const std::filesystem::path& file,
                                                   std::size_t words, const char* expected) {
  std::vector<std::vector<std::string>> lines;
  std::istringstream text(read_secret(file));
  std::size_t number = 0;
  for (std::string line; std::getline(text, line);) {
    ++number;
    std::istringstream stream(line);
    std::vector<std::string> found;
    for (std::string word; stream >> word;) {
      found.push_back(word);
    }
    if (found.empty() || found[0].starts_with('#')) {
      continue;
    }
    if (found.size() != words) {
      throw std::runtime_error(
          fmt::format("{}: line {}: expected {}", file.string(), number, expected));
    }
    lines.push_back(std::move(found));
  }
  if (lines.empty()) {
    throw std::runtime_error(fmt::format("{}: expected {} a line", file.string(), expected));
  }
  return lines;
}

// Takes a time that depends on neither text: of both, sums are compared.
bool equal(std::string_view a, std::string_view b) {
  const std::string one = sha256(a);
  const std::string other = sha256(b);
  return ::CRYPTO_memcmp(one.data(), other.data(), one.size()) == 0;
}

[[noreturn]] void deny_signature(const std::string& reason) {
  throw Denied("InvalidSignatureException", reason);
}

// Of YYYYMMDDTHHMMSSZ.
Time time_of(const std::string& text) {
  std::tm parts{};
  const char* end = ::strptime(text.c_str(), "%Y%m%dT%H%M%SZ", &parts);
  if (text.size() != 16 || end == nullptr || *end != '\0') {
    throw Denied("IncompleteSignatureException",
                 "X-Amz-Date: expected a time such as 20260102T030405Z");
  }
  return std::chrono::system_clock::from_time_t(::timegm(&parts));
}

}  // namespace

Gate::Gate(const std::filesystem::path& keys, const std::filesystem::path& tokens)
    : open_(keys.empty() && tokens.empty()) {
  if (!keys.empty()) {
    for (const auto& line : secret_lines(keys, 2, "an access key and its secret")) {
      secrets_[line[0]] = line[1];
    }
  }
  if (!tokens.empty()) {
    for (const auto& line : secret_lines(tokens, 1, "a token")) {
      tokens_.push_back(line[0]);
    }
  }
}

void Gate::check(const Message& message, Time now) const {
  if (open_) {
    return;
  }
  const std::string authorization = message.header("authorization");
  if (authorization.empty() || message.headers.count("authorization") != 1) {
    throw Denied("MissingAuthenticationTokenException", "Missing Authentication Token");
  }
  if (authorization.starts_with(kBearer)) {
    check_token(std::string_view(authorization).substr(kBearer.size()));
  } else {
    check_signature(message, now);
  }
}

void Gate::check_token(std::string_view token) const {
  bool known = false;
  for (const std::string& each : tokens_) {
    known = equal(each, token) || known;
  }
  if (!known) {
    throw Denied("UnrecognizedClientException",
                 "The security token included in the request is invalid.");
  }
}

void Gate::check_signature(const Message& message, Time now) const {
  const auto authorization = parse_authorization(message.header("authorization"));
  if (!authorization) {
    throw Denied("IncompleteSignatureException",
                 "Authorization: expected 'AWS4-HMAC-SHA256 Credential=..., SignedHeaders=..., "
                 "Signature=...', or 'Bearer TOKEN'");
  }
  const auto& names = authorization->signed_headers;
  const auto is_signed = [&](const std::string& name) {
    return std::ranges::binary_search(names, name);
  };
  for (const auto& [name, value] : message.headers) {
    if ((name == "host" || name.starts_with("x-amz-")) && !is_signed(name)) {
      deny_signature(fmt::format("the header {} must be signed", name));
    }
  }
  if (!is_signed("host") || !is_signed("x-amz-date")) {
    deny_signature("the headers host and x-amz-date must be signed");
  }
  const auto secret = secrets_.find(authorization->access_key);
  if (secret == secrets_.end()) {
    throw Denied("UnrecognizedClientException",
                 "The security token included in the request is invalid.");
  }
  const std::string time = message.header("x-amz-date");
  if (const auto skew = now - time_of(time); skew > kMostSkew || skew < -kMostSkew) {
    deny_signature(
        fmt::format("Signature expired: {} is not within 5 minutes of this host's time", time));
  }
  if (!time.starts_with(authorization->date) || authorization->service != kService) {
    deny_signature("Credential should be scoped to the date of X-Amz-Date and the service lambda");
  }
  const std::string hash = hex(sha256(message.body));
  if (const std::string named = message.header("x-amz-content-sha256");
      !named.empty() && named != hash) {
    deny_signature("X-Amz-Content-Sha256: expected the body's sum");
  }
  if (!equal(signature(*authorization, time, canonical_request(message, *authorization, hash),
                       secret->second),
             authorization->signature)) {
    deny_signature(
        "The request signature we calculated does not match the signature you provided. Check your "
        "AWS Secret Access Key and signing method.");
  }
}

}  // namespace platform::auth
