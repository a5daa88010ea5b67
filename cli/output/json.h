#pragma once

#include "tools/json.h"

namespace faasnap::cli {

using tools::Json;
using tools::parse_json;
using tools::to_text;

}  // namespace faasnap::cli
