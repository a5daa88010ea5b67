// SPDX-License-Identifier: Apache-2.0

#include "paging/failure_latch.h"

#include <utility>

#include "base/exception.h"

namespace faasnap::paging {
namespace {

template <typename Action>
void attempt(Action action) noexcept {
  try {
    action();
  } catch (...) {
    // The failure is kept already.
  }
}

}  // namespace

FailureLatch::FailureLatch(std::function<void(const std::string& reason)> failed,
                           std::function<void()> release)
    : tell_(std::move(failed)), release_(std::move(release)) {}

void FailureLatch::report(std::exception_ptr failure) noexcept {
  {
    const std::lock_guard lock(mutex_);
    if (first_) {
      return;
    }
    first_ = failure;
  }
  failed_ = true;
  attempt([&] {
    if (tell_) {
      tell_(base::describe(failure));
    }
  });
  attempt([&] {
    if (release_) {
      release_();
    }
  });
}

void FailureLatch::rethrow() const {
  const std::lock_guard lock(mutex_);
  if (first_) {
    std::rethrow_exception(first_);
  }
}

}  // namespace faasnap::paging
