#include "boot/acpi.h"
#include "boot/boot_params.h"
#include "boot/initial_state.h"
#include "boot/kernel_image.h"
#include "boot/layout.h"
#include "machine/machine.h"

namespace faasnap::machine {
namespace {

kvm::BootSegment to_kvm(const boot::InitialSegment& segment) {
  return {segment.selector, segment.descriptor};
}

kvm::BootRegisters to_kvm(const boot::InitialState& state) {
  return {
      .rip = state.rip,
      .rsp = state.rsp,
      .rsi = state.rsi,
      .cr0 = state.cr0,
      .cr3 = state.cr3,
      .cr4 = state.cr4,
      .efer = state.efer,
      .gdt_base = state.gdt_base,
      .gdt_limit = state.gdt_limit,
      .code = to_kvm(state.code),
      .data = to_kvm(state.data),
      .task = to_kvm(state.task),
  };
}

}  // namespace

void Machine::load_kernel(const VmOptions& options) {
  boot::AcpiConfig acpi{.vcpus = shape_.vcpus, .virtio = {}};
  for (const VirtioSlot* slot : slots()) {
    acpi.virtio.push_back(
        {.base = VirtioSlot::window(slot->index()), .gsi = boot::kVirtioGsi + slot->index()});
  }
  const auto kernel = boot::load_kernel(memory_, options.kernel);
  const auto rsdp = boot::write_acpi_tables(memory_, acpi);
  boot::write_boot_params(memory_, kernel, options.command_line, options.initramfs, rsdp);
  generation_.renew();
  vcpus_.front()->vcpu().set_boot_state(to_kvm(boot::write_initial_state(memory_, kernel.entry)));
}

}  // namespace faasnap::machine
