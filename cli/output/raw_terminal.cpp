// SPDX-License-Identifier: Apache-2.0

#include "output/raw_terminal.h"

#include <unistd.h>

namespace faasnap::cli {

RawTerminal::RawTerminal() : active_(::tcgetattr(STDIN_FILENO, &before_) == 0) {
  if (active_) {
    termios raw = before_;
    ::cfmakeraw(&raw);
    ::tcsetattr(STDIN_FILENO, TCSANOW, &raw);
  }
}

RawTerminal::~RawTerminal() {
  if (active_) {
    ::tcsetattr(STDIN_FILENO, TCSANOW, &before_);
  }
}

}  // namespace faasnap::cli
