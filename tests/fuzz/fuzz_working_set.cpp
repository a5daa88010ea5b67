// SPDX-License-Identifier: Apache-2.0

#include "format/working_set_file.h"
#include "support.h"

// The working-set file's parser: rejects with an Error, or reads a set without a defect that
// encodes to the same bytes.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace faasnap;
  const auto bytes = fuzz::mended(fuzz::bytes_of(data, size));
  try {
    const auto content = format::decode_working_set(bytes, "working-set");
    fuzz::require(!format::defect_of(content).has_value());
    fuzz::require(format::encode_working_set(content) == bytes);
  } catch (const Error& error) {
    fuzz::require(error.kind() == ErrorKind::corrupt || error.kind() == ErrorKind::version);
  }
  return 0;
}
