// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <openssl/types.h>

#include <filesystem>
#include <memory>
#include <string_view>

#include "format/signature_file.h"

namespace faasnap::signature {

// Keys of Ed25519 from PEM files. Immutable, safe from any thread. Throw ErrorKind::not_found, and
// ErrorKind::invalid_argument for a file that does not hold such a key.

struct FreeKey {
  void operator()(EVP_PKEY* key) const noexcept;
};
using KeyHandle = std::unique_ptr<EVP_PKEY, FreeKey>;

class PublicKey {
 public:
  explicit PublicKey(const std::filesystem::path& file);

  const std::filesystem::path& file() const noexcept { return file_; }
  // Returns the SHA-256 of the DER form (SubjectPublicKeyInfo, RFC 8410).
  const format::Digest& id() const noexcept { return id_; }
  bool has_signed(std::string_view text, const format::SignatureBytes& signature) const;

 private:
  std::filesystem::path file_;
  KeyHandle key_;
  format::Digest id_{};
};

class PrivateKey {
 public:
  // Does not ask for a passphrase.
  explicit PrivateKey(const std::filesystem::path& file);

  // Returns the id of the public key.
  const format::Digest& id() const noexcept { return id_; }
  format::SignatureBytes sign(std::string_view text) const;

 private:
  KeyHandle key_;
  format::Digest id_{};
};

}  // namespace faasnap::signature
