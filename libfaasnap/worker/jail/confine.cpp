// SPDX-License-Identifier: Apache-2.0

#include "jail/confine.h"

#include <fmt/format.h>

#include <memory>

#include <faasnap/error.h>

#include "base/threads/thread.h"
#include "jail/landlock.h"
#include "jail/limits.h"
#include "jail/privileges.h"
#include "jail/root.h"

namespace faasnap::worker {
namespace {

// Runs a part that a host may refuse; true if it was had.
template <typename Part>
bool try_part(WorkerInfo& info, const char* name, Part part) {
  try {
    part();
    return true;
  } catch (const Error& error) {
    info.missing.push_back(fmt::format("{}: {}", name, error.what()));
    return false;
  }
}

void filter_threads() {
#ifndef FAASNAP_SANITIZED  // whose run-time makes calls of its own
  static const Filters filters;
  base::prepare_threads([](std::string_view name) {
    if (const ThreadRole role = role_of(name); role != ThreadRole::control) {
      filters.install(role);
    }
  });
  filters.install(ThreadRole::control);
#else
  throw Error(ErrorKind::unsupported, "filter system calls", "", "this is a build with sanitizers");
#endif
}

}  // namespace

WorkerInfo confine(int socket, bool namespaces) {
  WorkerInfo info;
  set_limits();
  if (namespaces) {
    info.empty_root = try_part(info, "empty root", empty_root);
  }
  drop_privileges();
  die_with_parent(socket);
  try_part(info, "Landlock",
           [&] { info.landlock = restrict_files(info.empty_root ? "/proc" : "/proc/self"); });
  if (info.landlock == 0 && info.missing.empty()) {
    info.missing.emplace_back("Landlock: the kernel does not have it");
  }
  info.system_call_filters = try_part(info, "system call filters", filter_threads);
  return info;
}

}  // namespace faasnap::worker
