// SPDX-License-Identifier: Apache-2.0

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <filesystem>
#include <fstream>
#include <functional>

#include "auth/gate.h"
#include "auth/signature.h"
#include "base/digest.h"

namespace platform::auth {
namespace {

namespace fs = std::filesystem;
using Catch::Matchers::ContainsSubstring;

// AWS's example: "Create a signed AWS API request" of the IAM user guide, and its test suite.
constexpr const char* kSecret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
constexpr const char* kTime = "20150830T123600Z";
constexpr const char* kExample =
    "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, "
    "SignedHeaders=content-type;host;x-amz-date, "
    "Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7";

// A file that its owner alone may read, removed with the object.
class SecretFile {
 public:
  explicit SecretFile(const std::string& text, mode_t mode = 0600) {
    std::string name = fs::temp_directory_path() / "faasnap-secret-XXXXXX";
    const int file = ::mkstemp(name.data());
    REQUIRE(file >= 0);
    ::close(file);
    path_ = name;
    std::ofstream(path_) << text;
    ::chmod(name.c_str(), mode);
  }
  ~SecretFile() { fs::remove(path_); }
  SecretFile(const SecretFile&) = delete;
  SecretFile& operator=(const SecretFile&) = delete;

  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

// The time of signed_message(), and as many seconds from it.
std::chrono::system_clock::time_point at(int seconds) {
  return std::chrono::system_clock::from_time_t(1'767'323'045 + seconds);
}

// A request as a client signs it.
Message signed_message(const std::string& secret, const std::string& key = "AKID",
                       const std::string& service = "lambda") {
  Message message{.method = "POST",
                  .target = "/2015-03-31/functions/f%3Alive/invocations?Qualifier=1",
                  .headers = {{"host", "127.0.0.1:9000"}, {"x-amz-date", "20260102T030405Z"}},
                  .body = "{\"n\": 1}"};
  const Authorization authorization{.access_key = key,
                                    .date = "20260102",
                                    .region = "us-east-1",
                                    .service = service,
                                    .signed_headers = {"host", "x-amz-date"}};
  message.headers.emplace(
      "authorization",
      "AWS4-HMAC-SHA256 Credential=" + key + "/20260102/us-east-1/" + service +
          "/aws4_request, SignedHeaders=host;x-amz-date, Signature=" +
          signature(authorization, "20260102T030405Z",
                    canonical_request(message, authorization, hex(sha256(message.body))), secret));
  return message;
}

std::string denial(const Gate& gate, const Message& message, int seconds = 0) {
  try {
    gate.check(message, at(seconds));
  } catch (const Denied& denied) {
    return denied.type();
  }
  return "";
}

}  // namespace

TEST_CASE("a signature is that of AWS's own example") {
  const auto authorization = parse_authorization(kExample);
  REQUIRE(authorization);
  const Message message{
      .method = "GET",
      .target = "/?Version=2010-05-08&Action=ListUsers",
      .headers = {{"host", "iam.amazonaws.com"},
                  {"content-type", " application/x-www-form-urlencoded;  charset=utf-8 "},
                  {"x-amz-date", kTime}}};
  const std::string canonical = canonical_request(message, *authorization, hex(sha256("")));
  CHECK(hex(sha256(canonical)) ==
        "f536975d06c0309214f805bb90ccff089219ecd68b2577efef23edd43b7e1a59");
  CHECK(signature(*authorization, kTime, canonical, kSecret) == authorization->signature);
}

TEST_CASE("what is no authorization of AWS's is refused") {
  const std::string whole = kExample;
  const auto with = [&](std::string_view from, std::string_view to) {
    std::string text = whole;
    text.replace(text.find(from), from.size(), to);
    return parse_authorization(text);
  };
  CHECK(with("us-east-1", "eu-west-3"));
  CHECK(!parse_authorization(""));
  CHECK(!parse_authorization("Basic eDp5"));
  CHECK(!parse_authorization(whole + ", Signature=" + std::string(64, 'a')));
  CHECK(!parse_authorization(whole.substr(0, whole.size() - 1)));
  CHECK(!with("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA512"));
  CHECK(!with("/iam/", "/"));
  CHECK(!with("20150830", "2015083x"));
  CHECK(!with("aws4_request", "aws5_request"));
  CHECK(!with("content-type;host", "host;content-type"));
  CHECK(!with("content-type;", "host;"));
  CHECK(!with("content-type", "Content-Type"));
  CHECK(!with("5d672d", "5D672D"));
  CHECK(!parse_authorization(std::string(10'000, 'A')));
}

TEST_CASE("who signs with a known key may send") {
  const SecretFile keys("# comment\nAKID secret\nOTHER  another\n");
  const Gate gate(keys.path(), {});
  CHECK(!gate.is_open());
  CHECK(denial(gate, signed_message("secret")).empty());
  CHECK(denial(gate, signed_message("another", "OTHER")).empty());
  CHECK(denial(gate, signed_message("another")) == "InvalidSignatureException");
  CHECK(denial(gate, signed_message("secret", "NOBODY")) == "UnrecognizedClientException");
  CHECK(denial(gate, signed_message("secret", "AKID", "s3")) == "InvalidSignatureException");
  CHECK(denial(gate, signed_message("secret"), 299).empty());
  CHECK(denial(gate, signed_message("secret"), 301) == "InvalidSignatureException");
  CHECK(denial(gate, signed_message("secret"), -301) == "InvalidSignatureException");
  CHECK(denial(gate, {.method = "GET", .target = "/"}) == "MissingAuthenticationTokenException");
}

TEST_CASE("whatever is changed of a signed request makes it another one") {
  const SecretFile keys("AKID secret\n");
  const Gate gate(keys.path(), {});
  const auto changed = [&](const std::function<void(Message&)>& change) {
    Message message = signed_message("secret");
    change(message);
    return denial(gate, message);
  };
  const std::string invalid = "InvalidSignatureException";
  CHECK(changed([](Message& m) { m.body = "{\"n\": 2}"; }) == invalid);
  CHECK(changed([](Message& m) { m.method = "PUT"; }) == invalid);
  CHECK(changed([](Message& m) { m.target = "/2015-03-31/functions/g/invocations"; }) == invalid);
  CHECK(changed([](Message& m) { m.target += "&Qualifier=2"; }) == invalid);
  CHECK(changed([](Message& m) { m.headers.find("host")->second = "other"; }) == invalid);
  // Neither may be added what would be believed.
  CHECK(changed([](Message& m) { m.headers.emplace("x-amz-log-type", "Tail"); }) == invalid);
  CHECK(changed([](Message& m) { m.headers.emplace("host", "other"); }) == invalid);
  CHECK(changed([](Message& m) { m.headers.find("x-amz-date")->second = "now"; }) ==
        "IncompleteSignatureException");
}

TEST_CASE("who has a token may send") {
  const SecretFile tokens("first\nsecond\n");
  const Gate gate({}, tokens.path());
  const auto with = [&](const char* text) {
    return denial(gate, {.method = "GET", .target = "/", .headers = {{"authorization", text}}});
  };
  CHECK(with("Bearer first").empty());
  CHECK(with("Bearer second").empty());
  CHECK(with("Bearer third") == "UnrecognizedClientException");
  CHECK(with("Bearer ") == "UnrecognizedClientException");
  CHECK(with("second") == "IncompleteSignatureException");
}

TEST_CASE("secrets that others may read are refused, and lines that are none") {
  CHECK(Gate({}, {}).is_open());
  const SecretFile readable("AKID secret\n", 0640);
  CHECK_THROWS_WITH(Gate(readable.path(), {}), ContainsSubstring("mode 0600"));
  const SecretFile half("AKID secret\nAKID\n");
  CHECK_THROWS_WITH(Gate(half.path(), {}), ContainsSubstring("line 2: expected an access key"));
  const SecretFile empty("# nobody\n");
  CHECK_THROWS_WITH(Gate({}, empty.path()), ContainsSubstring("expected a token a line"));
  CHECK_THROWS_WITH(Gate("/nowhere", {}), ContainsSubstring("/nowhere"));
}

}  // namespace platform::auth
