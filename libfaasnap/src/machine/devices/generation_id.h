// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "memory/guest_memory.h"

namespace faasnap::machine {

// The virtual machine generation identifier (Microsoft, "Virtual Machine Generation ID"): 16 random
// bytes in guest memory that change when the VM becomes a clone. The guest's kernel then reseeds
// its random numbers.
class GenerationId {
 public:
  // `address` is the address of the bytes in the ACPI tables.
  GenerationId(const memory::GuestMemory& memory, memory::GuestAddress address);

  // Writes new bytes. The guest looks at them at the next interrupt of the ACPI generic event
  // device.
  void renew();

 private:
  const memory::GuestMemory& memory_;
  memory::GuestAddress address_;
};

}  // namespace faasnap::machine
