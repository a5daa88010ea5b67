#pragma once

#include <sys/types.h>

#include <memory>
#include <span>
#include <vector>

#include "replay/replica.h"
#include "tools/descriptor.h"

namespace faasnap::bench {

// Several replicas that are restored and played at once, each in a process of its own: one process
// may not have as many mappings as the layered settings need for a burst (vm.max_map_count).
// Everything that is passed in must outlive it. For one thread.
class Crew {
 public:
  Crew(std::span<const ReplayImage* const> images, const ReplayWay& way,
       std::span<const Step> steps, const ExpectedMemory& expected);
  ~Crew();
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;

  // Lets all of them serve, each once, as near to the same moment as a message to each allows, and
  // returns the sums, with the time from the first request to the last touch as the total. Compares
  // the pages that were touched. Throws
  // std::runtime_error with what any of them threw, and when one has died. Call once.
  Sample run();

 private:
  struct Member;
  struct Reply;

  // One step of all of them at the same time.
  std::vector<Reply> step();

  std::vector<std::unique_ptr<Member>> members_;
};

}  // namespace faasnap::bench
