#include <faasnap/restore_options.h>

#include <array>

namespace faasnap {
namespace {

constexpr std::array kSettings = {Setting::warm, Setting::boot, Setting::lazy, Setting::cached,
                                  Setting::faasnap};

}  // namespace

const char* to_string(Setting setting) noexcept {
  switch (setting) {
    case Setting::warm:
      return "warm";
    case Setting::boot:
      return "boot";
    case Setting::lazy:
      return "lazy";
    case Setting::cached:
      return "cached";
    case Setting::faasnap:
      return "faasnap";
  }
  return "unknown";
}

std::optional<Setting> parse_setting(std::string_view name) noexcept {
  for (const Setting setting : kSettings) {
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
  }
  return "unknown";
}

const char* to_string(FaultHandler handler) noexcept {
  switch (handler) {
    case FaultHandler::kernel:
      return "kernel";
  }
  return "unknown";
}

}  // namespace faasnap
