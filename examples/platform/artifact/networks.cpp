// SPDX-License-Identifier: Apache-2.0

#include "artifact/networks.h"

#include <fmt/format.h>

#include "base/error.h"

namespace platform::artifact {

void Networks::put(const std::string& name, const Body& interface) {
  for (const char* member :
       {"host_dev_name", "iface_id", "guest_mac", "guest_addr", "unique_addr"}) {
    interface.text(member);
  }
  const std::lock_guard lock(mutex_);
  if (names_.size() >= kMost && !names_.contains(name)) {
    throw RequestError(Refusal::throttled, fmt::format("there are {} networks already", kMost));
  }
  names_.insert(name);
}

void Networks::check(const std::string& name) const {
  const std::lock_guard lock(mutex_);
  if (!names_.contains(name)) {
    throw RequestError(Refusal::not_found,
                       fmt::format("namespace '{:.64}': no such network; PUT /net-ifaces/NAME "
                                   "makes one",
                                   name));
  }
}

std::set<std::string> Networks::list() const {
  const std::lock_guard lock(mutex_);
  return names_;
}

}  // namespace platform::artifact
