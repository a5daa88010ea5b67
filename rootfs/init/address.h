// SPDX-License-Identifier: Apache-2.0

#ifndef FAASNAP_INIT_ADDRESS_H_
#define FAASNAP_INIT_ADDRESS_H_

#include <string>

#include "fd.h"

namespace faasnap::init {

// A listening socket and the address that it has: that of a "tcp:" address with port 0 names the
// port that the kernel has chosen.
struct Listener {
  Fd socket;
  std::string address;
};

// Listens on `address`, which is vsock:CID:PORT, unix:PATH or tcp:A.B.C.D:PORT. Ends the program if
// it is something else or cannot be listened on; `word` is the option that the address comes from.
Listener listen_on(const std::string& address, const char* word);

}  // namespace faasnap::init

#endif  // FAASNAP_INIT_ADDRESS_H_
