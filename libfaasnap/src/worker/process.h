// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include <faasnap/worker_options.h>

#include "base/files/fd.h"

namespace faasnap::worker {

// The operation in errors.
inline constexpr const char* kStart = "start worker";

// A worker's process, seen from the one that starts it. Killed and reaped with the object.
class Process {
 public:
  // Starts `options.program`. The kernel kills the process when the calling thread ends, so that
  // thread must live as long as the process is wanted. Throws ErrorKind::not_found if there is no
  // program, and ErrorKind::unsupported without /proc.
  explicit Process(const WorkerOptions& options);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  pid_t id() const noexcept { return id_; }
  // Returns our end of the connection; may be called once.
  base::UniqueFd take_socket() noexcept { return std::move(socket_); }
  // Returns why it has no namespaces of its own; empty if it has them.
  const std::string& missing_namespaces() const noexcept { return missing_namespaces_; }

  // Moves the process into a cgroup (WorkerOptions::cgroup). Call before it takes memory.
  void enter(const std::filesystem::path& cgroup);
  // Kills it, without waiting. May be called from any thread.
  void kill() noexcept;
  // Waits until it has ended, and returns how: "worker 123 was killed by signal 9 (Killed)".
  std::string wait();

 private:
  pid_t id_ = 0;
  base::UniqueFd pidfd_;
  base::UniqueFd socket_;
  std::string missing_namespaces_;
  std::filesystem::path cgroup_;
  std::uint64_t memory_kills_ = 0;  // of the cgroup, when the worker came
  std::string end_;
};

}  // namespace faasnap::worker
