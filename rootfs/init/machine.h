// SPDX-License-Identifier: Apache-2.0

// What the agent does as the master of its virtual machine.

#ifndef FAASNAP_INIT_MACHINE_H_
#define FAASNAP_INIT_MACHINE_H_

#include <string_view>

namespace faasnap::init {

// Makes a clone differ from its siblings and tells it the time, before a request is handled.
// `seed` is up to 64 bytes in hexadecimal that are mixed into the kernel's entropy pool, which then
// reseeds its generator (not every kernel has a driver for VMGenID); `time_ns` is the host's wall
// clock since the epoch. Texts that are neither are not looked at: whoever sends them owns the
// guest.
void refresh_machine(std::string_view seed, std::string_view time_ns);

// From now on the kernel reports free memory page by page, and all of it but the little that each
// processor keeps in lists of its own: that is filled with zeros.
void report_all_free_memory();

// From now on the kernel reports only what it has the largest blocks of: its looking for something
// to report, two seconds after pages were freed, is no part of an invocation.
void report_large_free_blocks();

// Takes the pages that the processors' lists of free pages hold, as programs and as the kernel do,
// and gives them back cleared.
void clear_free_lists();

// Does not return if it works.
void power_off_machine();
void crash_machine();

}  // namespace faasnap::init

#endif  // FAASNAP_INIT_MACHINE_H_
