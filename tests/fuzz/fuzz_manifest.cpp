// SPDX-License-Identifier: Apache-2.0

#include <fmt/format.h>

#include <string>

#include "format/manifest.h"
#include "support.h"

// The manifest's parser: rejects with an Error or reads what encodes to the same text again. Where
// the input has no last line of its own, one with the right checksum is added.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace faasnap;
  std::string text(reinterpret_cast<const char*>(data), size);
  if (text.find("\ncrc32c = ") == std::string::npos) {
    text += fmt::format("crc32c = {:08x}\n", base::crc32c(fuzz::bytes_of(data, size)));
  }
  try {
    const format::Manifest manifest = format::decode_manifest(text, "manifest");
    const std::string again = format::encode_manifest(manifest);
    const format::Manifest second = format::decode_manifest(again, "manifest");
    fuzz::require(format::encode_manifest(second) == again);
  } catch (const Error& error) {
    fuzz::require(error.kind() == ErrorKind::corrupt || error.kind() == ErrorKind::version);
  }
  return 0;
}
