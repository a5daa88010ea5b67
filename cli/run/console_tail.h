#pragma once

#include <memory>
#include <string>

#include <faasnap/vm_options.h>

namespace faasnap::cli {

// Keeps the end of what a guest writes to its console, for the error message in case it fails.
// Copies share what they keep. Safe from any thread.
class ConsoleTail {
 public:
  ConsoleTail();

  ConsoleSink sink() const;
  // The last line that has the text; with an empty text, the last line that is not empty.
  std::string last_line(const std::string& containing = "") const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace faasnap::cli
