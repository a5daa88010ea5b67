// SPDX-License-Identifier: Apache-2.0

#include "image/budget.h"

#include <fmt/format.h>

#include "run/interruption.h"
#include "tools/failure.h"

namespace faasnap::cli {
namespace {

constexpr std::uint64_t kMostNames = 1 << 20;

}  // namespace

void Budget::take(std::uint64_t bytes) {
  Interruption::check();
  if (bytes > most_.value - bytes_) {
    throw tools::Failure(
        fmt::format("the files have more than {} MiB (--max-size)", most_.value >> 20));
  }
  bytes_ += bytes;
}

void Budget::take_name() {
  Interruption::check();
  if (++names_ > kMostNames) {
    throw tools::Failure(fmt::format("more than {} files", kMostNames));
  }
}

}  // namespace faasnap::cli
