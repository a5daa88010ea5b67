// SPDX-License-Identifier: Apache-2.0

#include <faasnap/restore_plan.h>

namespace faasnap {

const char* to_string(Setting setting) noexcept {
  switch (setting) {
    case Setting::lazy:
      return "lazy";
    case Setting::cached:
      return "cached";
    case Setting::concurrent:
      return "concurrent";
    case Setting::per_region:
      return "per-region";
    case Setting::faasnap:
      return "faasnap";
    case Setting::reap:
      return "reap";
    case Setting::stream:
      return "stream";
  }
  return "unknown";
}

std::optional<Setting> parse_setting(std::string_view name) noexcept {
  for (const Setting setting : kAllSettings) {
    if (name == to_string(setting)) {
      return setting;
    }
  }
  return std::nullopt;
}

const char* to_string(Backing backing) noexcept {
  switch (backing) {
    case Backing::anonymous:
      return "anonymous";
    case Backing::memory_file:
      return "memory_file";
    case Backing::loading_set:
      return "loading_set";
    case Backing::reap_set:
      return "reap_set";
    case Backing::stream_set:
      return "stream_set";
  }
  return "unknown";
}

std::span<const PlannedRead> RestorePlan::reads() const noexcept {
  if (const auto* load = load_if<ReadIntoPageCache>()) {
    return load->reads;
  }
  if (const auto* load = load_if<InstallWhileRunning>()) {
    return load->reads;
  }
  if (const auto* load = load_if<InstallBeforeStart>()) {
    return load->reads;
  }
  return {};
}

std::span<const PageRange> RestorePlan::zero_pages() const noexcept {
  if (const auto* load = load_if<ReadIntoPageCache>()) {
    return load->zero_pages;
  }
  if (const auto* load = load_if<InstallWhileRunning>()) {
    return load->zero_pages;
  }
  return {};
}

}  // namespace faasnap
