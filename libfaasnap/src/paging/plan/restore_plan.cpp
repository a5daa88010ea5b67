#include <faasnap/restore_plan.h>

#include <array>

namespace faasnap {
namespace {

constexpr std::array kSettings = {Setting::warm,    Setting::boot,       Setting::lazy,
                                  Setting::cached,  Setting::concurrent, Setting::per_region,
                                  Setting::faasnap, Setting::reap,       Setting::stream};

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
    case Backing::reap_set:
      return "reap_set";
    case Backing::stream_set:
      return "stream_set";
  }
  return "unknown";
}

const char* to_string(FaultHandler handler) noexcept {
  switch (handler) {
    case FaultHandler::kernel:
      return "kernel";
    case FaultHandler::userfaultfd:
      return "userfaultfd";
  }
  return "unknown";
}

const char* to_string(Delivery delivery) noexcept {
  switch (delivery) {
    case Delivery::page_cache:
      return "page_cache";
    case Delivery::install:
      return "install";
  }
  return "unknown";
}

}  // namespace faasnap
