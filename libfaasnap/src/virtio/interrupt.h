// SPDX-License-Identifier: Apache-2.0

#pragma once

namespace faasnap::virtio {

// The interrupt line of one device. The machine connects it to the guest's interrupt controller;
// tests count its triggers.
class Interrupt {
 public:
  virtual ~Interrupt() = default;
  // Asserts the line once (an edge). May be called from any thread.
  virtual void trigger() noexcept = 0;
};

}  // namespace faasnap::virtio
