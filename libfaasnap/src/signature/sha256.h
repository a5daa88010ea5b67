// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <span>

#include "format/signature_file.h"
#include "signature/openssl.h"

namespace faasnap::signature {

// SHA-256 (FIPS 180-4) of bytes that come piece by piece.
class Sha256 {
 public:
  Sha256();
  void add(std::span<const std::byte> bytes);
  // Ends it.
  format::Digest digest();

  static format::Digest of(std::span<const std::byte> bytes);

 private:
  ContextHandle context_;
};

}  // namespace faasnap::signature
