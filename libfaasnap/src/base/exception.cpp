// SPDX-License-Identifier: Apache-2.0

#include "base/exception.h"

namespace faasnap::base {

std::string describe(const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const std::exception& error) {
    return error.what();
  } catch (...) {
    return "unknown exception";
  }
}

}  // namespace faasnap::base
