// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <faasnap/export.h>

#include <stdexcept>
#include <string>

namespace faasnap {

// The kind of a failure, for callers to branch on; the text is for people.
enum class ErrorKind {
  invalid_argument,  // the caller passed something that can never work
  not_found,         // a file, function, key or snapshot does not exist
  already_exists,    // the target of a write already exists
  permission,        // the operating system refused
  no_space,          // the file system or a quota is full
  io,                // a read or write failed, or ended early
  corrupt,           // a file's content violates its format
  untrusted,         // a signature is missing, of another key, or not of this content
  // a file has a format version, or needs a machine, that this build or host does not support
  version,
  unsupported,  // this host lacks the feature
  guest,        // the guest stopped, misbehaved or answered with an error
  timeout,      // the operation timed out
  cancelled,    // the caller cancelled the operation
  // a limit of the process or the host is reached: descriptors, mappings, memory; the text names
  // the limit, its value and the remedy
  limit,
  internal,  // a system call failed in a way that no other kind describes
};

// Returns the word for `kind` in messages and JSON, for example "not_found".
FAASNAP_EXPORT const char* to_string(ErrorKind kind) noexcept;

// The one exception that libfaasnap throws. what() is one line: operation, path, reason.
class FAASNAP_EXPORT Error : public std::runtime_error {
 public:
  // `path` may be empty; `error_number` is an errno value, or 0.
  Error(ErrorKind kind, std::string operation, std::string path, const std::string& reason,
        int error_number = 0);

  ErrorKind kind() const noexcept { return kind_; }
  const std::string& operation() const noexcept { return operation_; }
  const std::string& path() const noexcept { return path_; }
  int error_number() const noexcept { return error_number_; }

 private:
  ErrorKind kind_;
  std::string operation_;
  std::string path_;
  int error_number_;
};

}  // namespace faasnap
