// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <memory>
#include <string>

#include <faasnap/vm_options.h>

namespace faasnap::function {

// Keeps the end of what a guest writes to its console, for the error message in case it fails.
// Copies share what they keep. Safe from any thread.
class ConsoleTail {
 public:
  // What the guest writes also goes to `next`, which may be empty.
  explicit ConsoleTail(ConsoleSink next = {});

  ConsoleSink sink() const;
  // Returns the last line that contains `text`, without control characters; if `text` is empty, the
  // last line that is not empty.
  std::string last_line(const std::string& text = "") const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace faasnap::function
