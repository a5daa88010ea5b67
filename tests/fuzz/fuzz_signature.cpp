// SPDX-License-Identifier: Apache-2.0

#include <string_view>

#include "format/signature_file.h"
#include "support.h"

// The signature's parser: rejects with an Error, or reads what is written as the same text.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace faasnap;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    const format::SignatureContent content = format::decode_signature(text, "signature");
    fuzz::require(format::encode_signature(content) == text);
    fuzz::require(text.starts_with(format::signed_text(content)));
  } catch (const Error& error) {
    fuzz::require(error.kind() == ErrorKind::corrupt || error.kind() == ErrorKind::version);
  }
  return 0;
}
