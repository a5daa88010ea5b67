#pragma once

#include <string>

#include "tools/descriptor.h"

namespace faasnap::bench {

// A pipe at which a command waits that is to read its input there, a JSON document: so that several
// commands that have started one by one go on at once. When this program ends, so does the wait.
// For one thread.
class Gate {
 public:
  // Throws std::system_error.
  Gate();

  // The end that the command reads; stays owned by the gate.
  int entrance() const noexcept { return entrance_.get(); }
  // True if the command has come there: it has taken the blank that the document begins with.
  bool reached() const;
  // Gives the rest of the document, of at most 4096 bytes, to the command.
  void open(const std::string& document);

 private:
  // Kept open, so that writing to a command that has gone away raises no signal.
  tools::Descriptor entrance_;
  tools::Descriptor exit_;
};

}  // namespace faasnap::bench
