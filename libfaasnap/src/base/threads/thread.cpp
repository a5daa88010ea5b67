// SPDX-License-Identifier: Apache-2.0

#include "base/threads/thread.h"

#include <pthread.h>

#include <system_error>

#include "base/error.h"
#include "base/threads/signals_blocked.h"

namespace faasnap::base {
namespace {

std::function<void(std::string_view)>& preparation() {
  static std::function<void(std::string_view)> prepare;
  return prepare;
}

}  // namespace

void prepare_threads(std::function<void(std::string_view name)> prepare) {
  preparation() = std::move(prepare);
}

std::thread start_thread(const std::string& name, std::function<void()> body) {
  const SignalsBlocked blocked;  // a new thread inherits the mask
  try {
    return std::thread([name, body = std::move(body)] {
      ::pthread_setname_np(::pthread_self(), name.c_str());
      if (preparation()) {
        preparation()(name);
      }
      body();
    });
  } catch (const std::system_error& error) {
    throw Error(
        ErrorKind::limit, "start thread", name,
        "no more threads can be had; raise RLIMIT_NPROC of the user, pids.max of the cgroup "
        "or sysctl kernel.threads-max, or run fewer VMs",
        error.code().value());
  }
}

}  // namespace faasnap::base
