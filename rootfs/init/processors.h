// SPDX-License-Identifier: Apache-2.0

#ifndef FAASNAP_INIT_PROCESSORS_H_
#define FAASNAP_INIT_PROCESSORS_H_

#include <sched.h>

#include <cstring>

namespace faasnap::init {

inline cpu_set_t only_processor(int number) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(number, &set);
  return set;
}

// Lets the calling thread, and what it starts from now on, run on any processor.
inline void run_on_every_processor() {
  cpu_set_t every;
  std::memset(&every, 0xff, sizeof every);
  ::sched_setaffinity(0, sizeof every, &every);
}

// Keeps it on the first one.
inline void run_on_first_processor() {
  const cpu_set_t first = only_processor(0);
  ::sched_setaffinity(0, sizeof first, &first);
}

}  // namespace faasnap::init

#endif  // FAASNAP_INIT_PROCESSORS_H_
