// SPDX-License-Identifier: Apache-2.0

#include "tools/accelerator.h"

#include <cstdlib>
#include <string_view>

namespace faasnap::tools {
namespace {

bool is_set(const char* variable) {
  const char* value = std::getenv(variable);
  return value != nullptr && std::string_view(value) == "1";
}

}  // namespace

bool in_lab() { return is_set("FAASNAP_IN_LAB"); }

const char* accelerator() {
  if (!in_lab()) {
    return "kvm";
  }
  return is_set("FAASNAP_LAB_COUNTED") ? "kvm-in-counted-lab" : "kvm-in-lab";
}

}  // namespace faasnap::tools
