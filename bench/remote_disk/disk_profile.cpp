// SPDX-License-Identifier: Apache-2.0

#include "remote_disk/disk_profile.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <stdexcept>

namespace faasnap::bench {
namespace {

using namespace std::chrono_literals;

constexpr double kMebi = 1 << 20;

// Read speeds from data sheets, and the latency of a cold read of 4 KiB.
constexpr DiskProfile kProfiles[] = {
    {"nvme", {.latency = 80us, .bytes = 2500 * kMebi, .requests = 400'000}},
    // The limit of SATA.
    {"ssd", {.latency = 120us, .bytes = 530 * kMebi, .requests = 90'000}},
    // Amazon's gp3 volume with its default speed.
    {"ebs", {.latency = 1ms, .bytes = 125 * kMebi, .requests = 3000}},
};

}  // namespace

const DiskProfile& disk_profile(std::string_view name) {
  const auto* const found =
      std::find_if(std::begin(kProfiles), std::end(kProfiles),
                   [&](const DiskProfile& profile) { return profile.name == name; });
  if (found == std::end(kProfiles)) {
    std::string names;
    for (const DiskProfile& profile : kProfiles) {
      names += (names.empty() ? "" : ", ") + std::string(profile.name);
    }
    throw std::invalid_argument(
        fmt::format("unknown disk profile '{}', expected one of: {}", name, names));
  }
  return *found;
}

nlohmann::json describe(const DiskProfile& profile, double dilation) {
  const LinkSpeed speed = profile.speed.slower(dilation);
  return {
      {"profile", profile.name},
      {"latency_ns", speed.latency.count()},
      {"bytes_per_second", speed.bytes},
      {"requests_per_second", speed.requests},
      {"text", fmt::format("{}, {:g} times as slow: {}", profile.name, dilation, speed.figures())}};
}

}  // namespace faasnap::bench
