// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <termios.h>

namespace faasnap::cli {

// While it exists, the terminal on the standard input passes each key on when it is pressed and
// echoes none. Does nothing if the standard input is not a terminal.
class RawTerminal {
 public:
  RawTerminal();
  ~RawTerminal();
  RawTerminal(const RawTerminal&) = delete;
  RawTerminal& operator=(const RawTerminal&) = delete;

  bool active() const noexcept { return active_; }

 private:
  termios before_{};
  bool active_;  // after the members that its initialiser sets
};

}  // namespace faasnap::cli
