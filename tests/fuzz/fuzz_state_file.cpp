// SPDX-License-Identifier: Apache-2.0

#include "format/memory_image.h"
#include "format/state_file.h"
#include "support.h"

// The state file's parser, and that of the image's table in it: rejects with an Error, or reads
// sections that encode to the same bytes.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace faasnap;
  const auto bytes = fuzz::mended(fuzz::bytes_of(data, size));
  try {
    const auto sections = format::decode_state(bytes, "state");
    fuzz::require(format::encode_state(sections) == bytes);
  } catch (const Error& error) {
    fuzz::require(error.kind() == ErrorKind::corrupt || error.kind() == ErrorKind::version);
  }
  try {
    // Also tries the bytes as the table's section, as if its checksum were right.
    const format::Section section{"memory", format::kMemorySectionVersion, bytes};
    const auto table = format::load_image_table(section, "state");
    fuzz::require(format::save_image_table(table).bytes == bytes);
    fuzz::require(table.nonzero_pages() <= table.memory.pages());
  } catch (const Error& error) {
    fuzz::require(error.kind() == ErrorKind::corrupt);
  }
  return 0;
}
