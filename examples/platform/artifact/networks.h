// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <mutex>
#include <set>
#include <string>

#include "artifact/body.h"

namespace platform::artifact {

// The networks that clients name. Guests are reached over vsock, and so a network is a name that
// must be known, as in the artifact, and has no other effect. Throws RequestError. Safe from any
// thread.
class Networks {
 public:
  static constexpr std::size_t kMost = 10'000;

  // Checks the types of the interface's members.
  void put(const std::string& name, const Body& interface);
  // Throws unless there is the network.
  void check(const std::string& name) const;
  std::set<std::string> list() const;

 private:
  mutable std::mutex mutex_;
  std::set<std::string> names_;
};

}  // namespace platform::artifact
