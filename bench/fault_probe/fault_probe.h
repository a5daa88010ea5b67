#pragma once

#include <string>
#include <vector>

#include "fault_probe/fault_histogram.h"

namespace faasnap::bench {

// Counts the calls of one function of the kernel by the time that they take: a kprobe at its entry
// and one at its return, and the kernel's own histogram between them, through tracefs. What is
// counted costs the measured program two probes a call and no copy to user space. The kernel's code
// is patched when a probe is made and when it ends, not in between. Needs root, and a kernel with
// CONFIG_KPROBE_EVENTS, CONFIG_SYNTH_EVENTS and CONFIG_HIST_TRIGGERS. For one thread.
class FaultProbe {
 public:
  // `name`: of the probe's events; one probe of a name at a time, on the whole machine.
  // `arguments`: of the function, as the kernel's kprobe events have them ("error=$arg3:x64");
  // `filter`: of its calls, over those and "comm" (Documentation/trace/events.rst, "Filter rules");
  // both may be empty. Throws std::runtime_error with what the kernel refused.
  FaultProbe(std::string name, const std::string& function, const std::string& arguments,
             const std::string& filter);
  ~FaultProbe();
  FaultProbe(const FaultProbe&) = delete;
  FaultProbe& operator=(const FaultProbe&) = delete;

  void clear();
  // Returns the calls that have returned since then.
  FaultHistogram read() const;

 private:
  // Something that is written to a file of tracefs, and what takes it back.
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
