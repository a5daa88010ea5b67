// SPDX-License-Identifier: Apache-2.0

#include "signature/sha256.h"

#include <openssl/evp.h>

namespace faasnap::signature {
namespace {

void require_hash(bool done) {
  if (!done) {
    fail_openssl("compute SHA-256");
  }
}

}  // namespace

Sha256::Sha256() : context_(make_context()) {
  require_hash(context_ && EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) == 1);
}

void Sha256::add(std::span<const std::byte> bytes) {
  require_hash(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) == 1);
}

format::Digest Sha256::digest() {
  format::Digest digest{};
  require_hash(EVP_DigestFinal_ex(context_.get(), reinterpret_cast<unsigned char*>(digest.data()),
                                  nullptr) == 1);
  return digest;
}

format::Digest Sha256::of(std::span<const std::byte> bytes) {
  Sha256 hash;
  hash.add(bytes);
  return hash.digest();
}

}  // namespace faasnap::signature
