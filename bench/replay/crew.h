// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <sys/types.h>

#include <memory>
#include <span>
#include <vector>

#include "replay/replica.h"
#include "tools/descriptor.h"

namespace faasnap::bench {

// Several replicas that are restored and played at once, each in a process of its own, since one
// process may not have as many mappings as the layered settings need for a burst
// (vm.max_map_count). All arguments must outlive it. For one thread.
class Crew {
 public:
  Crew(std::span<const ReplayImage* const> images, const ReplayWay& way,
       std::span<const Step> steps, const ExpectedMemory& expected);
  ~Crew();
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;

  // Makes all of them serve once, starting as simultaneously as a message to each allows. Returns
  // the sums; the total is the time from the first request to the last touch. Compares the touched
  // pages. Throws std::runtime_error with what any of them threw, or if one has died. May be called
  // once.
  Sample run();

 private:
  struct Member;
  struct Reply;

  // Runs one step of all of them at the same time.
  std::vector<Reply> step();

  std::vector<std::unique_ptr<Member>> members_;
};

}  // namespace faasnap::bench
