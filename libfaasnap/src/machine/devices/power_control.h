// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <functional>
#include <string>

#include <faasnap/vm_state.h>

#include "machine/devices/bus.h"

namespace faasnap::machine {

// The registers with which a guest ends itself: ACPI's sleep control, sleep status and reset
// registers (ACPI 6.5, sections 4.8.3.6 and 4.8.3.7), and the panic register that Linux's pvpanic
// driver writes. Stateless; safe from any thread.
class PowerControl : public BusDevice {
 public:
  // Number of ports from boot::kSleepControlPort on.
  static constexpr std::uint64_t kPorts = 4;

  using End = std::function<void(VmState)>;
  explicit PowerControl(End end) : end_(std::move(end)) {}

  void read(std::uint64_t offset, std::span<std::byte> data) override;
  void write(std::uint64_t offset, std::span<const std::byte> data) override;

 private:
  End end_;
};

// The ports of the keyboard controller, which knows only the reset command that "reboot=k" uses.
class KeyboardReset : public BusDevice {
 public:
  static constexpr std::uint64_t kBase = 0x60;
  static constexpr std::uint64_t kPorts = 5;

  explicit KeyboardReset(PowerControl::End end) : end_(std::move(end)) {}

  void read(std::uint64_t offset, std::span<std::byte> data) override;
  void write(std::uint64_t offset, std::span<const std::byte> data) override;

 private:
  PowerControl::End end_;
};

}  // namespace faasnap::machine
