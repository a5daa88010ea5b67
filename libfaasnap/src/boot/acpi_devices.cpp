// SPDX-License-Identifier: Apache-2.0

#include "boot/acpi_devices.h"

#include <fmt/format.h>

#include <vector>

namespace faasnap::boot {
namespace {

aml::Term virtio_device(std::uint32_t number, const AcpiConfig::Mmio& mmio) {
  return aml::device(
      fmt::format("VR{:02X}", number),
      {aml::name("_HID", aml::string("LNRO0005")), aml::name("_UID", aml::integer(number)),
       aml::name("_CRS", aml::resource_template(
                             {aml::memory32_fixed(static_cast<std::uint32_t>(mmio.base.value),
                                                  static_cast<std::uint32_t>(mmio.size)),
                              aml::edge_interrupt(mmio.gsi)}))});
}

aml::Term serial_port(const AcpiConfig& config) {
  return aml::device("COM1",
                     {aml::name("_HID", aml::string("PNP0501")), aml::name("_UID", aml::integer(0)),
                      aml::name("_CRS", aml::resource_template(
                                            {aml::io_ports(config.serial_port, kSerialPortCount),
                                             aml::edge_interrupt(config.serial_gsi)}))});
}

// The device "Virtual Machine Generation ID" (Microsoft). Its compatible ids are the specified one
// and the eight-character one that Linux looks for. ADDR is the address of the id, low half first.
aml::Term generation_id(const AcpiConfig& config) {
  return aml::device(
      "VGEN",
      {aml::name("_HID", aml::string("FAAS0001")),
       aml::name("_CID", aml::package({aml::string("VM_Gen_Counter"), aml::string("VMGENCTR")})),
       aml::name("_DDN", aml::string("VM_Gen_Counter")),
       aml::name("ADDR", aml::package({aml::integer(config.vmgenid.value & ~0u),
                                       aml::integer(config.vmgenid.value >> 32)}))});
}

// The device through which a kernel reports a panic. Linux's pvpanic driver looks for this ACPI id
// (docs/specs/pvpanic.txt of QEMU).
aml::Term panic_device(const AcpiConfig& config) {
  return aml::device(
      "PEVT", {aml::name("_HID", aml::string("QEMU0001")),
               aml::name("_CRS", aml::resource_template({aml::io_ports(config.panic_port, 1)}))});
}

// The generic event device (ACPI 6.4, section 5.6.9).
aml::Term event_device(const AcpiConfig& config) {
  return aml::device(
      "GED_",
      {aml::name("_HID", aml::string("ACPI0013")), aml::name("_UID", aml::integer(0)),
       aml::name("_CRS", aml::resource_template({aml::edge_interrupt(config.ged_gsi)})),
       aml::method("_EVT", 1,
                   aml::if_argument_equals(0, config.ged_gsi, aml::notify("\\_SB_.VGEN", 0x80)))});
}

}  // namespace

aml::Term describe_devices(const AcpiConfig& config) {
  std::vector<aml::Term> devices;
  std::uint32_t number = 0;
  for (const AcpiConfig::Mmio& mmio : config.virtio) {
    devices.push_back(virtio_device(number++, mmio));
  }
  devices.push_back(serial_port(config));
  devices.push_back(generation_id(config));
  devices.push_back(panic_device(config));
  devices.push_back(event_device(config));

  aml::Term block = aml::scope("\\_SB_", devices);
  const aml::Term soft_off =
      aml::name("\\_S5_", aml::package({aml::integer(kSleepTypeS5), aml::integer(kSleepTypeS5)}));
  block.insert(block.end(), soft_off.begin(), soft_off.end());
  return block;
}

}  // namespace faasnap::boot
