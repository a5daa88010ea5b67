// SPDX-License-Identifier: Apache-2.0

#include "boot/acpi.h"
#include "boot/boot_params.h"
#include "boot/initial_state.h"
#include "boot/kernel_image.h"
#include "boot/layout.h"
#include "machine/machine.h"

namespace faasnap::machine {

void Machine::load_kernel(const base::OpenFile& file, const base::OpenFile& initramfs,
                          std::string_view command_line) {
  boot::AcpiConfig acpi{.vcpus = shape_.vcpus, .virtio = {}};
  for (const VirtioSlot* slot : slots()) {
    acpi.virtio.push_back(
        {.base = VirtioSlot::window(slot->index()), .gsi = boot::kVirtioGsi + slot->index()});
  }
  const auto kernel = boot::load_kernel(memory_, file);
  const auto rsdp = boot::write_acpi_tables(memory_, acpi);
  boot::write_boot_params(memory_, kernel, command_line, initramfs, rsdp);
  generation_.renew();
  vcpus_.front()->vcpu().set_boot_state(boot::write_initial_state(memory_, kernel.entry));
}

}  // namespace faasnap::machine
