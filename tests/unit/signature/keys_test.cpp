// SPDX-License-Identifier: Apache-2.0

#include "signature/keys.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <string_view>

#include "format/signature_file.h"
#include "signature/key_files.h"
#include "support/support.h"

namespace faasnap::signature {
namespace {

using test::error_of;
using test::ScratchDirectory;
using test::write_text;

// The private key of kPrivateKey, under the passphrase "x".
constexpr const char* kEncryptedKey = R"(-----BEGIN ENCRYPTED PRIVATE KEY-----
MIGbMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAjO9nmJl/hkcAICCAAw
DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEPTKA239PKRx1fOUAQO69nwEQNw4
kXU/6aCpaZvWRtd9TBgxEcFiBb9Yy8geNVdFbGwWL7plxajoZLM/Z6v4T73aSWDR
u5/txl1SL7uHjGwRHsc=
-----END ENCRYPTED PRIVATE KEY-----
)";
constexpr const char* kKeyOfX25519 = R"(-----BEGIN PUBLIC KEY-----
MCowBQYDK2VuAyEA441zqFvlHoPn+Jaqv6zh1nwswNt48upG2bwInfoZEUA=
-----END PUBLIC KEY-----
)";

TEST_CASE("keys that OpenSSL wrote have the id that it prints") {
  const ScratchDirectory scratch;
  CHECK(format::to_hex(PublicKey(write_text(scratch.path() / "a", test::kPublicKey)).id()) ==
        test::kKeyId);
  CHECK(format::to_hex(PrivateKey(write_text(scratch.path() / "b", test::kPrivateKey)).id()) ==
        test::kKeyId);
  CHECK(format::to_hex(PublicKey(write_text(scratch.path() / "c", test::kOtherPublicKey)).id()) ==
        test::kOtherKeyId);
}

TEST_CASE("a text has been signed by one key, and no other text or key fits") {
  const ScratchDirectory scratch;
  const PrivateKey key(write_text(scratch.path() / "private", test::kPrivateKey));
  const PublicKey same(write_text(scratch.path() / "public", test::kPublicKey));
  const PublicKey other(write_text(scratch.path() / "other", test::kOtherPublicKey));
  format::SignatureBytes signature = key.sign("text");
  CHECK(same.has_signed("text", signature));
  CHECK_FALSE(same.has_signed("Text", signature));
  CHECK_FALSE(other.has_signed("text", signature));
  signature[7] ^= std::byte{1};
  CHECK_FALSE(same.has_signed("text", signature));
}

TEST_CASE("a file that holds no such key is named, with what was expected") {
  const ScratchDirectory scratch;
  const char* text = GENERATE("", "key", kEncryptedKey, kKeyOfX25519);
  const auto file = write_text(scratch.path() / "key", text);
  const Error as_public = error_of([&] { PublicKey key(file); });
  CHECK(as_public.kind() == ErrorKind::invalid_argument);
  CHECK(as_public.path() == file);
  const Error as_private = error_of([&] { PrivateKey key(file); });
  CHECK(as_private.kind() == ErrorKind::invalid_argument);
  CHECK(as_private.path() == file);
}

TEST_CASE("a private key is not taken for a public one, nor the reverse") {
  const ScratchDirectory scratch;
  const auto private_file = write_text(scratch.path() / "private", test::kPrivateKey);
  const auto public_file = write_text(scratch.path() / "public", test::kPublicKey);
  CHECK(test::kind_of([&] { PublicKey key(private_file); }) == ErrorKind::invalid_argument);
  CHECK(test::kind_of([&] { PrivateKey key(public_file); }) == ErrorKind::invalid_argument);
  CHECK(test::kind_of([&] { PublicKey key(scratch.path() / "none"); }) == ErrorKind::not_found);
}

}  // namespace
}  // namespace faasnap::signature
