// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <functional>

#include <faasnap/units.h>

namespace faasnap {

// Called repeatedly by long operations. If it returns false, the operation stops with
// ErrorKind::cancelled.
using Progress = std::function<bool(Bytes done, Bytes total)>;

}  // namespace faasnap
