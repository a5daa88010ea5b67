// SPDX-License-Identifier: Apache-2.0

#include <cstdint>
#include <cstdlib>
#include <stdexcept>
#include <string>

#include "state/function_file.h"

// A record of a function in the store that hosts share: what is taken names no file outside its
// directories, and is written again as what it is.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace platform;
  const std::string text(reinterpret_cast<const char*>(data), size);
  FunctionVersions versions;
  try {
    versions = decode_record(text, "hello");
  } catch (const std::runtime_error&) {
    // Refused, as most inputs are.
    return 0;
  }
  for (const Function& function : versions.kept()) {
    const std::string archive = function.archive.string();
    const bool inside = function.archive == function.archive.filename() && archive != "." &&
                        archive != ".." && function.revision.find('/') == std::string::npos;
    if (function.name != "hello" || !inside) {
      std::abort();
    }
  }
  for (const auto& [number, function] : versions.published) {
    if (versions.find(function.version) != &function) {
      std::abort();
    }
  }
  const std::string written = encode(versions);
  if (encode(decode_record(written, "hello")) != written) {
    std::abort();
  }
  return 0;
}
