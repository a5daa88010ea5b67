// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <signal.h>

namespace faasnap::base {

// While it exists, the calling thread's writes to closed sockets fail with EPIPE and raise no
// signal. For libraries that write without MSG_NOSIGNAL.
class SigpipeBlock {
 public:
  SigpipeBlock() noexcept;
  ~SigpipeBlock();
  SigpipeBlock(const SigpipeBlock&) = delete;
  SigpipeBlock& operator=(const SigpipeBlock&) = delete;

 private:
  sigset_t before_;
  bool pending_before_;
};

}  // namespace faasnap::base
