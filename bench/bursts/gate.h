// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>

#include "tools/descriptor.h"

namespace faasnap::bench {

// A pipe at which a command waits for its input, a JSON document, so that several commands that
// were started one by one continue at once. The wait ends when this program ends. For one thread.
class Gate {
 public:
  // Throws std::system_error.
  Gate();

  // Returns the end that the command reads; the gate keeps ownership.
  int entrance() const noexcept { return entrance_.get(); }
  // True if the command waits at the gate: it has read the blank at the beginning of the document.
  bool reached() const;
  // Passes the rest of the document, at most 4096 bytes, to the command.
  void open(const std::string& document);

 private:
  // Kept open, so that writing to a command that has ended raises no signal.
  tools::Descriptor entrance_;
  tools::Descriptor exit_;
};

}  // namespace faasnap::bench
