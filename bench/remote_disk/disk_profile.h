// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "remote_disk/link.h"

namespace faasnap::bench {

// A kind of disk in hosts.
struct DiskProfile {
  std::string_view name;
  LinkSpeed speed;
};

// Returns the profile of that name. Throws std::invalid_argument that lists the known ones.
const DiskProfile& disk_profile(std::string_view name);

// Returns the disk as a processor sees it that is `dilation` times as slow as a real one: its
// figures after slowing down, and `text`, a description for people. docs/guide/lab.md has the
// fields.
nlohmann::json describe(const DiskProfile& profile, double dilation);

}  // namespace faasnap::bench
