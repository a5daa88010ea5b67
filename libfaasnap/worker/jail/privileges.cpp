// SPDX-License-Identifier: Apache-2.0

#include "jail/privileges.h"

#include <linux/capability.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>

#include "base/error.h"

namespace faasnap::worker {
namespace {

constexpr const char* kDropping = "drop privileges of worker";

}  // namespace

void drop_privileges() {
  // Ends with EINVAL at the first number that the kernel does not know.
  for (unsigned long capability = 0; ::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0;) {
    ++capability;
  }
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  const std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> none{};
  if (::syscall(SYS_capset, &header, none.data()) != 0 ||
      ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    base::fail_errno(kDropping);
  }
}

void die_with_parent(int socket) {
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0) {
    base::fail_errno(kDropping);
  }
  pollfd entry{socket, POLLIN, 0};
  if (::poll(&entry, 1, 0) < 0 || (entry.revents & POLLHUP) != 0) {
    std::_Exit(1);
  }
}

}  // namespace faasnap::worker
