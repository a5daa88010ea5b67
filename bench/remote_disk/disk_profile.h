#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "remote_disk/link.h"

namespace faasnap::bench {

// A kind of disk that hosts have.
struct DiskProfile {
  std::string_view name;
  LinkSpeed speed;
};

// Returns the profile of that name. Throws std::invalid_argument that names the known ones.
const DiskProfile& disk_profile(std::string_view name);

// What a disk of this kind is to a processor `dilation` times as slow as a real one: its figures
// after that, and `text`, which says all of it to people. docs/guide/lab.md has the fields.
nlohmann::json describe(const DiskProfile& profile, double dilation);

}  // namespace faasnap::bench
