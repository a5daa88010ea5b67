// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <filesystem>
#include <fstream>

namespace faasnap::test {

// Two pairs of keys as `openssl genpkey -algorithm ED25519` and `openssl pkey -pubout` wrote them,
// and their ids as `openssl pkey -pubin -in FILE -outform DER | sha256sum` printed them.
inline constexpr const char* kPrivateKey = R"(-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEINg/U87EBhDc6Y449yi3ngrRXTSlM9lZ4thaYl0ouBoc
-----END PRIVATE KEY-----
)";
inline constexpr const char* kPublicKey = R"(-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEARyjNx6rVb1bvbTXbg1nVsKN0dutGPLNAr8h0b+yjmwE=
-----END PUBLIC KEY-----
)";
inline constexpr const char* kKeyId =
    "6901506f75c534f7e19b9f0c8f123aec675404fbb9daec91e4c3bb24b6c57cd9";
inline constexpr const char* kOtherPrivateKey = R"(-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIOq3+WxCPoch/j+/XnyUo3GRTj6M2nEXtnRXb+WdKqHw
-----END PRIVATE KEY-----
)";
inline constexpr const char* kOtherPublicKey = R"(-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAg36au2QxcygaSDInWA+nm+lDbsXVD5TN9W6mnle4C6c=
-----END PUBLIC KEY-----
)";
inline constexpr const char* kOtherKeyId =
    "4ece7f2c4834ea5a273c7c8f20f5763d200db712ae9226fda2134f0ff3d69dc0";

inline std::filesystem::path write_text(const std::filesystem::path& file, const char* text) {
  std::ofstream(file) << text;
  return file;
}

}  // namespace faasnap::test
