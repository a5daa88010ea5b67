// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "auth/signature.h"

namespace platform::auth {

// A request whose sender may not send it. `type` is AWS's name of the reason.
class Denied : public std::runtime_error {
 public:
  Denied(const char* type, const std::string& reason) : std::runtime_error(reason), type_(type) {}

  const char* type() const noexcept { return type_; }

 private:
  const char* type_;
};

// Tells who may send requests: whoever has one of the tokens, or signs with one of the keys. Safe
// from any thread.
class Gate {
 public:
  // `keys` has an access key and its secret a line, `tokens` a token a line; an empty path stands
  // for none, and without both everyone may. Lines that begin with '#' are comments. Throws
  // std::runtime_error that names the file, unless it is a regular one that nobody but its owner
  // can read or write.
  Gate(const std::filesystem::path& keys, const std::filesystem::path& tokens);

  bool is_open() const { return open_; }
  // Throws Denied.
  void check(const Message& message, std::chrono::system_clock::time_point now) const;

 private:
  void check_token(std::string_view token) const;
  void check_signature(const Message& message, std::chrono::system_clock::time_point now) const;

  bool open_ = false;
  std::map<std::string, std::string> secrets_;
  std::vector<std::string> tokens_;
};

}  // namespace platform::auth
