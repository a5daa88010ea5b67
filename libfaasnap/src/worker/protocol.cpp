// SPDX-License-Identifier: Apache-2.0

#include "worker/protocol.h"

#include <string_view>

namespace faasnap::worker {
namespace {

// The part of Error::what() that follows operation and path.
std::string reason_of(const Error& error) {
  std::string_view text = error.what();
  for (const std::string& part : {error.operation(), error.path()}) {
    if (!part.empty() && text.starts_with(part) && text.substr(part.size()).starts_with(": ")) {
      text.remove_prefix(part.size() + 2);
    }
  }
  return std::string(text);
}

}  // namespace

ErrorText describe(const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const Error& error) {
    return {error.kind(), error.operation(), error.path(), reason_of(error), error.error_number()};
  } catch (const std::exception& error) {
    return {ErrorKind::internal, "run virtual machine", {}, error.what(), 0};
  } catch (...) {
    return {ErrorKind::internal, "run virtual machine", {}, "unknown exception", 0};
  }
}

void raise(const ErrorText& error) {
  throw Error(error.kind, error.operation, error.path, error.reason, error.number);
}

}  // namespace faasnap::worker
