// SPDX-License-Identifier: Apache-2.0

#include "worker/process.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>
#include <new>
#include <vector>

#include "base/error.h"
#include "base/files/file.h"
#include "base/files/mapping.h"
#include "base/threads/signals_blocked.h"
#include "worker/channel.h"
#include "worker/program.h"

namespace faasnap::worker {
namespace {

namespace fs = std::filesystem;

constexpr const char* kName = "faasnap-worker";
constexpr const char* kInstalledProgram = FAASNAP_WORKER_PROGRAM;
constexpr int kNamespaces = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET |
                            CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;
// Descriptors for the new process are kept above those that it gives them.
constexpr int kLowestSpare = 16;
// More than the few frames between clone and execve need.
constexpr Bytes kChildStack = 64_KiB;
// The new process runs in our memory until it runs the program: nothing is copied. Not where
// sanitizers keep state of their own in that memory.
#ifdef FAASNAP_SANITIZED
constexpr int kMemory = 0;
#else
constexpr int kMemory = CLONE_VM;
#endif

// Returns the file that holds this code: the library, or the program that it is linked with.
fs::path own_file() {
  Dl_info info{};
  if (::dladdr(reinterpret_cast<const void*>(&own_file), &info) == 0 || info.dli_fname == nullptr) {
    return {};
  }
  std::error_code ignored;
  return fs::canonical(info.dli_fname, ignored);
}

// A process gets the user of its new namespace through files in /proc, mounts a /proc of its own
// only where one is mounted, and its VM's statistics are read there.
void require_proc() {
  if (::access("/proc/self", F_OK) != 0) {
    base::fail_errno(kStart, "/proc/self");
  }
}

// The program stands beside the one that runs in a build tree, and in libexec where both are
// installed, wherever that was moved.
fs::path find_program() {
  std::error_code ignored;
  const fs::path running = fs::read_symlink("/proc/self/exe", ignored);
  std::vector<fs::path> places{running.parent_path() / kName};
  const fs::path file = own_file();
  for (fs::path above = file.parent_path(); above.has_relative_path();
       above = above.parent_path()) {
    places.push_back(above / "libexec" / "faasnap" / kName);
  }
  places.emplace_back(kInstalledProgram);
  const auto found = std::ranges::find_if(
      places, [](const fs::path& place) { return ::access(place.c_str(), X_OK) == 0; });
  if (found == places.end()) {
    base::fail(ErrorKind::not_found, kStart, kInstalledProgram,
               "the program is not installed; WorkerOptions::program names another place");
  }
  return *found;
}

base::UniqueFd spare(const base::UniqueFd& fd) {
  base::UniqueFd copy(::fcntl(fd.get(), F_DUPFD_CLOEXEC, kLowestSpare));
  if (!copy) {
    base::fail_errno(kStart);
  }
  return copy;
}

// What the new process does before it runs the program. It shares our memory meanwhile, and our
// thread waits, so it only makes system calls. Lies in memory that it shares in any case.
struct Launch {
  const char* program = nullptr;
  std::array<const char*, 4> arguments{};
  int socket = -1;
  int null = -1;
  bool namespaces = false;
  std::array<char, 64> user_map{};
  std::array<char, 64> group_map{};
  int error_number = 0;  // of what has failed
};

bool write_file(const char* path, const char* text) noexcept {
  const int fd = ::open(path, O_WRONLY | O_CLOEXEC);
  const auto length = static_cast<ssize_t>(std::strlen(text));
  return fd >= 0 && ::write(fd, text, static_cast<std::size_t>(length)) == length &&
         ::close(fd) == 0;
}

void close_from(unsigned first) noexcept {
  if (::syscall(SYS_close_range, first, ~0U, 0U) != 0) {  // before Linux 5.9
    for (int fd = static_cast<int>(first); fd < 1 << 16; ++fd) {
      ::close(fd);
    }
  }
}

int run_launch(void* argument) {
  auto& launch = *static_cast<Launch*>(argument);
  const bool ok =
      // To the new user namespace this user is root, which it needs until it is confined.
      (!launch.namespaces || (write_file("/proc/self/setgroups", "deny") &&
                              write_file("/proc/self/uid_map", launch.user_map.data()) &&
                              write_file("/proc/self/gid_map", launch.group_map.data()))) &&
      ::dup2(launch.null, 0) == 0 && ::dup2(launch.null, 1) == 1 && ::dup2(launch.null, 2) == 2 &&
      ::dup2(launch.socket, kSocket) == kSocket;
  if (ok) {
    close_from(kSocket + 1);
    ::setsid();  // signals of the caller's terminal are not for it
    static constexpr std::array<char*, 1> kNoEnvironment{};
    ::execve(launch.program, const_cast<char* const*>(launch.arguments.data()),
             kNoEnvironment.data());
  }
  launch.error_number = errno;
  ::_exit(127);
}

struct Launched {
  pid_t id = -1;
  int pidfd = -1;
  int error_number = 0;
};

Launched launch_with(Launch launch, bool namespaces) {
  launch.namespaces = namespaces;
  launch.arguments[2] = namespaces ? kWithNamespaces : kWithoutNamespaces;
  const base::Mapping memory = base::Mapping::shared(kChildStack);
  const auto bytes = memory.bytes();
  auto& shared = *new (bytes.data()) Launch(launch);
  const base::SignalsBlocked blocked;
  Launched launched;
  launched.id =
      ::clone(run_launch, bytes.data() + bytes.size(),
              kMemory | CLONE_VFORK | CLONE_PIDFD | SIGCHLD | (namespaces ? kNamespaces : 0),
              &shared, &launched.pidfd);
  launched.error_number = launched.id < 0 ? errno : shared.error_number;
  return launched;
}

// Returns the number in the line "oom_kill N" of memory.events, 0 if there is none.
std::uint64_t memory_kills(const fs::path& cgroup) {
  std::ifstream file(cgroup / "memory.events");
  std::string name;
  std::uint64_t count = 0;
  while (file >> name >> count) {
    if (name == "oom_kill") {
      return count;
    }
  }
  return 0;
}

}  // namespace

Process::Process(const WorkerOptions& options) {
  require_proc();
  const fs::path program = options.program.empty() ? find_program() : options.program;
  auto [ours, theirs] = Channel::make_pair();
  const std::string version = own_version();
  const base::UniqueFd socket = spare(theirs);
  const base::UniqueFd null = spare(base::open_file("/dev/null", O_RDWR));
  Launch launch{.program = program.c_str(),
                .arguments = {kName, version.c_str(), nullptr, nullptr},
                .socket = socket.get(),
                .null = null.get()};
  fmt::format_to_n(launch.user_map.data(), launch.user_map.size() - 1, "0 {} 1", ::geteuid());
  fmt::format_to_n(launch.group_map.data(), launch.group_map.size() - 1, "0 {} 1", ::getegid());
  Launched launched = launch_with(launch, true);
  if (launched.error_number != 0) {
    missing_namespaces_ = fmt::format("namespaces: {}", std::strerror(launched.error_number));
    if (launched.id > 0) {
      const base::UniqueFd failed(launched.pidfd);
      ::waitpid(launched.id, nullptr, 0);
    }
    launched = launch_with(launch, false);
  }
  if (launched.id > 0) {
    id_ = launched.id;
    pidfd_ = base::UniqueFd(launched.pidfd);
  }
  if (launched.error_number != 0) {
    wait();
    base::fail_errno(kStart, program, launched.error_number);
  }
  socket_ = std::move(ours);
}

Process::~Process() {
  kill();
  wait();
}

void Process::enter(const fs::path& cgroup) {
  memory_kills_ = memory_kills(cgroup);
  const fs::path file = cgroup / "cgroup.procs";
  const base::UniqueFd fd = base::open_file(file, O_WRONLY);
  const std::string text = fmt::to_string(id_);
  if (base::retry_eintr([&] { return ::write(fd.get(), text.data(), text.size()); }) < 0) {
    base::fail_errno("move worker into cgroup", file);
  }
  cgroup_ = cgroup;
}

void Process::kill() noexcept {
  if (pidfd_) {
    ::syscall(SYS_pidfd_send_signal, pidfd_.get(), SIGKILL, nullptr, 0);
  }
}

std::string Process::wait() {
  if (!pidfd_ || !end_.empty()) {
    return end_;
  }
  siginfo_t info{};
  const int result = base::retry_eintr(
      [&] { return ::waitid(P_PIDFD, static_cast<id_t>(pidfd_.get()), &info, WEXITED); });
  if (result != 0) {
    end_ = fmt::format("worker {} has ended, and other code of this process was told how", id_);
  } else if (info.si_code == CLD_EXITED) {
    end_ = fmt::format("worker {} has ended with status {}", id_, info.si_status);
  } else {
    end_ = fmt::format("worker {} was killed by signal {} ({})", id_, info.si_status,
                       ::sigdescr_np(info.si_status));
    if (info.si_status == SIGSYS) {
      end_ += ": a system call that its filter does not allow";
    }
  }
  if (!cgroup_.empty() && memory_kills(cgroup_) > memory_kills_) {
    end_ += fmt::format(": the memory limit of cgroup {}", cgroup_.native());
  }
  return end_;
}

}  // namespace faasnap::worker
