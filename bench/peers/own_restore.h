// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <faasnap/restore_options.h>
#include <faasnap/snapshot.h>
#include <faasnap/vm_stats.h>

#include <filesystem>

#include "peers/qemu_peer.h"

namespace faasnap::bench {

// The times of one restore by libfaasnap, from just before Snapshot::open.
struct OwnRestore {
  Nanoseconds opened{};
  Nanoseconds returned{};           // from VM::restore
  Nanoseconds first_instruction{};  // the first entry of a vCPU into the guest
  Nanoseconds connected{};          // vsock connection accepted by the guest
  Nanoseconds first_byte{};         // of the agent's answer to a request over vsock
  VmStats stats{};
};

// Records the function `hello` of the guest, and keeps the snapshot in `directory` / "served".
// Throws faasnap::Error.
Snapshot make_snapshot(const GuestParts& guest, const std::filesystem::path& directory);

// Opens and restores the snapshot in `directory`, sends GET /healthz to the guest's agent, and ends
// the guest after the first byte of its answer.
OwnRestore restore_once(const std::filesystem::path& directory, Setting setting);

}  // namespace faasnap::bench
