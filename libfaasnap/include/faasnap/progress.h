#pragma once

#include <functional>

#include <faasnap/units.h>

namespace faasnap {

// Called now and then by long operations; returning false makes them stop with
// ErrorKind::cancelled.
using Progress = std::function<bool(Bytes done, Bytes total)>;

}  // namespace faasnap
