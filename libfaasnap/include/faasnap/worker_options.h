// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <sys/types.h>

namespace faasnap {

class WorkerPool;

// How to run a VM in a process of its own, its worker (docs/reference/worker.md). Plain data.
//
// The worker is the program `faasnap-worker`, which takes from the system whatever a VM does not
// need: a guest that breaks out of its devices finds a process without files, without a network,
// without rights and with few system calls. It ends with the object that it was started for and
// with the process that started it. If it is killed, its VM has VmState::internal_error, and
// nothing else is affected. Without /proc no worker is started: ErrorKind::unsupported.
struct WorkerOptions {
  // ---- What changes behaviour.

  // The program. Empty: the one that was installed or built with this library.
  std::filesystem::path program{};
  // Directory of a cgroup (version 2), which must exist and whose cgroup.procs the caller may
  // write. The worker is moved into it before it takes memory; VM::failure says if its memory limit
  // ended the VM. Empty: the worker stays in the caller's cgroup.
  std::filesystem::path cgroup{};
  // True: ErrorKind::unsupported if the host refuses a part of the confinement. False: the worker
  // does without, and WorkerInfo::missing names it.
  bool complete = false;

  // ---- What changes performance.

  // Workers that wait, of which one is taken if there is one; they were started as the pool's own
  // options say, and only `cgroup` and `complete` of these options have an effect. Null: a worker
  // is started for the VM, which costs some milliseconds.
  std::shared_ptr<WorkerPool> pool{};
};

// The worker of a VM, and what it is confined by.
struct WorkerInfo {
  // The process, in the caller's pid namespace.
  pid_t process = 0;
  // True if it has user, mount, pid, network, IPC, UTS and cgroup namespaces of its own.
  bool namespaces = false;
  // True if its root directory has nothing but its own /proc, /dev/kvm and /dev/userfaultfd.
  bool empty_root = false;
  // Version of the kernel's Landlock interface by which it reaches these only; 0 without Landlock.
  unsigned landlock = 0;
  // True if each of its threads has a list of the system calls that it may make.
  bool system_call_filters = false;
  // What the host refused, one sentence each.
  std::vector<std::string> missing{};
};

}  // namespace faasnap
