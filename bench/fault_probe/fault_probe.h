// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>
#include <vector>

#include "fault_probe/fault_histogram.h"

namespace faasnap::bench {

// Counts the calls of one kernel function by their duration: a kprobe at its entry and one at its
// return, connected by a kernel histogram, through tracefs. A counted call costs the measured
// program two probes and no copy to user space. The kernel's code is patched only when a probe is
// made and when it ends. Needs root, and a kernel with CONFIG_KPROBE_EVENTS, CONFIG_SYNTH_EVENTS
// and CONFIG_HIST_TRIGGERS. For one thread.
class FaultProbe {
 public:
  // `name` is the name of the probe's events, which only one probe on the machine may use at a
  // time. `arguments` are those of the function in the kernel's notation ("error=$arg3:x64").
  // `filter` selects calls by these and by "comm" (Documentation/trace/events.rst, "Filter rules").
  // Both may be empty. Throws std::runtime_error with what the kernel refused.
  FaultProbe(std::string name, const std::string& function, const std::string& arguments,
             const std::string& filter);
  ~FaultProbe();
  FaultProbe(const FaultProbe&) = delete;
  FaultProbe& operator=(const FaultProbe&) = delete;

  void clear();
  // Returns the calls that have returned since the probe was made.
  FaultHistogram read() const;

 private:
  // A text for a file of tracefs, and the text that undoes it.
  struct Change {
    std::string file;
    std::string text;
    std::string undo;
  };

  void undo() const noexcept;

  std::string name_;
  std::vector<Change> changes_;
};

}  // namespace faasnap::bench
