// SPDX-License-Identifier: Apache-2.0

#include "faulty_calls.h"

#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <liburing.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <mutex>
#include <optional>
#include <random>

namespace faasnap::faults {
namespace {

enum class Mode { off, watching, failing, random };

// Everything is trivially constructible, since calls come before this file's constructors.
struct State {
  std::mutex mutex;
  std::vector<CallSite> seen;
  CallSite site;
  int failure = 0;
  Lasting lasting = Lasting::once;
  unsigned count = 0;
  // Set once the site has been reached.
  bool reached = false;
  unsigned calls = 0;
  std::mt19937_64 generator;
};

std::atomic<Mode> mode{Mode::off};
// True in a thread that is inside of this file, whose own calls do not count.
thread_local bool inside = false;

State& state() {
  static State& instance = *new State;
  return instance;
}

// Deep enough to tell apart what calls the library's few wrappers of system calls.
constexpr int kDepth = 24;

std::uint64_t stack_hash(const char* call, unsigned long request) {
  std::array<void*, kDepth> frames{};
  const int count = ::backtrace(frames.data(), kDepth);
  std::uint64_t hash = 14695981039346656037ULL;
  const auto add = [&](std::uint64_t value) { hash = (hash ^ value) * 1099511628211ULL; };
  for (const char* letter = call; *letter != 0; ++letter) {
    add(static_cast<unsigned char>(*letter));
  }
  add(request);
  for (int i = 0; i < count; ++i) {
    add(reinterpret_cast<std::uint64_t>(frames[static_cast<std::size_t>(i)]));
  }
  return hash;
}

// Returns how this call is to fail, if it is. `request` tells apart what one call does.
std::optional<int> failure_of(const char* call, std::initializer_list<int> failures,
                              unsigned long request = 0, const char* path = "") {
  const Mode now = mode.load(std::memory_order_acquire);
  if (now == Mode::off || inside) {
    return std::nullopt;
  }
  inside = true;
  const std::uint64_t stack = now == Mode::random ? 0 : stack_hash(call, request);
  State& shared = state();
  std::optional<int> result;
  {
    const std::lock_guard lock(shared.mutex);
    if (mode.load(std::memory_order_relaxed) != now) {
      // Changed meanwhile: this call belongs to neither.
    } else if (now == Mode::random) {
      if (shared.generator() % shared.calls == 0) {
        ++shared.count;
        result = *(failures.begin() + shared.generator() % failures.size());
      }
    } else if (now == Mode::watching) {
      if (std::ranges::find(shared.seen, stack, &CallSite::stack) == shared.seen.end()) {
        shared.seen.push_back({call, request, stack, path, failures});
      }
    } else {
      const bool here = shared.site.stack == stack;
      const bool alike = shared.lasting == Lasting::forever && shared.reached &&
                         shared.site.call == call && shared.site.request == request;
      if ((here && !shared.reached) || alike) {
        shared.reached = true;
        ++shared.count;
        result = shared.failure;
      }
    }
  }
  inside = false;
  return result;
}

// True for files and sockets. An eventfd or a timer takes and gives its number whole, and always.
bool transfers_bytes(int fd) {
  struct stat status {};
  return mode.load(std::memory_order_relaxed) != Mode::off &&
         ::fstatat(fd, "", &status, AT_EMPTY_PATH) == 0 && (status.st_mode & S_IFMT) != 0;
}

template <typename Function>
Function* next(const char* name) {
  inside = true;
  auto* function = reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
  inside = false;
  return function;
}

}  // namespace

void watch() {
  std::array<void*, 1> frame{};
  inside = true;
  ::backtrace(frame.data(), 1);  // the first call loads a library
  inside = false;
  const std::lock_guard lock(state().mutex);
  state().seen.clear();
  mode = Mode::watching;
}

std::vector<CallSite> sites() {
  const std::lock_guard lock(state().mutex);
  mode = Mode::off;
  return std::move(state().seen);
}

void fail(const CallSite& site, int failure, Lasting lasting) {
  State& shared = state();
  const std::lock_guard lock(shared.mutex);
  shared.site = site;
  shared.failure = failure;
  shared.lasting = lasting;
  shared.count = 0;
  shared.reached = false;
  mode = Mode::failing;
}

void fail_at_random(unsigned calls, std::uint64_t seed) {
  State& shared = state();
  const std::lock_guard lock(shared.mutex);
  shared.calls = calls;
  shared.count = 0;
  shared.generator.seed(seed);
  mode = Mode::random;
}

unsigned failed() {
  const std::lock_guard lock(state().mutex);
  mode = Mode::off;
  return state().count;
}

}  // namespace faasnap::faults

// Defines NAME, which fails as its caller is to be failed, and else does what the C library does.
// `result` names what a failing call returns. The C library declares some of these with attributes
// that a second declaration need not repeat.
#define FAULTY(type, name, parameters, arguments, result, ...)                    \
  extern "C" type name parameters {                                               \
    static auto* const real = faasnap::faults::next<type parameters>(#name);      \
    if (const auto failure = faasnap::faults::failure_of(#name, {__VA_ARGS__})) { \
      errno = *failure;                                                           \
      return result;                                                              \
    }                                                                             \
    return real arguments;                                                        \
  }

// The same for a call that takes a size and may do less.
#define FAULTY_TRANSFER(name, parameters, fd, size, whole, half, ...)               \
  extern "C" ssize_t name parameters {                                              \
    static auto* const real = faasnap::faults::next<ssize_t parameters>(#name);     \
    if (!faasnap::faults::transfers_bytes(fd)) {                                    \
      return real whole;                                                            \
    }                                                                               \
    const auto failure =                                                            \
        faasnap::faults::failure_of(#name, {faasnap::faults::kShort, __VA_ARGS__}); \
    if (failure == faasnap::faults::kShort && (size) > 1) {                         \
      return real half;                                                             \
    }                                                                               \
    if (failure && failure != faasnap::faults::kShort) {                            \
      errno = *failure;                                                             \
      return -1;                                                                    \
    }                                                                               \
    return real whole;                                                              \
  }

// Opening: for those that make a file the mode is always passed on, as the kernel ignores it else.
#define FAULTY_OPEN(name, parameters, last, arguments)                                       \
  extern "C" int name parameters {                                                           \
    static auto* const real = faasnap::faults::next<int parameters>(#name);                  \
    va_list rest;                                                                            \
    va_start(rest, last);                                                                    \
    const mode_t mode = va_arg(rest, mode_t);                                                \
    va_end(rest);                                                                            \
    const auto failure = faasnap::faults::failure_of(#name, {EMFILE, EIO, EACCES}, 0, path); \
    if (failure) {                                                                           \
      errno = *failure;                                                                      \
      return -1;                                                                             \
    }                                                                                        \
    return real arguments;                                                                   \
  }

FAULTY_OPEN(open, (const char* path, int flags, ...), flags, (path, flags, mode))
FAULTY_OPEN(open64, (const char* path, int flags, ...), flags, (path, flags, mode))
FAULTY_OPEN(openat, (int at, const char* path, int flags, ...), flags, (at, path, flags, mode))
FAULTY_OPEN(openat64, (int at, const char* path, int flags, ...), flags, (at, path, flags, mode))

FAULTY_TRANSFER(read, (int fd, void* data, size_t size), fd, size, (fd, data, size),
                (fd, data, size / 2), EIO, EINTR)
FAULTY_TRANSFER(pread, (int fd, void* data, size_t size, off_t at), fd, size, (fd, data, size, at),
                (fd, data, size / 2, at), EIO, EINTR)
FAULTY_TRANSFER(pread64, (int fd, void* data, size_t size, off64_t at), fd, size,
                (fd, data, size, at), (fd, data, size / 2, at), EIO, EINTR)
FAULTY_TRANSFER(write, (int fd, const void* data, size_t size), fd, size, (fd, data, size),
                (fd, data, size / 2), ENOSPC, EIO, EINTR)
FAULTY_TRANSFER(pwrite, (int fd, const void* data, size_t size, off_t at), fd, size,
                (fd, data, size, at), (fd, data, size / 2, at), ENOSPC, EIO, EINTR)
FAULTY_TRANSFER(pwrite64, (int fd, const void* data, size_t size, off64_t at), fd, size,
                (fd, data, size, at), (fd, data, size / 2, at), ENOSPC, EIO, EINTR)
FAULTY_TRANSFER(copy_file_range,
                (int from, off64_t* from_at, int to, off64_t* to_at, size_t size, unsigned flags),
                to, size, (from, from_at, to, to_at, size, flags),
                (from, from_at, to, to_at, size / 2, flags), ENOSPC, EIO, EINTR)
FAULTY_TRANSFER(sendfile, (int to, int from, off_t* at, size_t size), from, size,
                (to, from, at, size), (to, from, at, size / 2), EIO, EINTR)
FAULTY_TRANSFER(send, (int fd, const void* data, size_t size, int flags), fd, size,
                (fd, data, size, flags), (fd, data, size / 2, flags), EPIPE, ECONNRESET, EINTR)
FAULTY_TRANSFER(recv, (int fd, void* data, size_t size, int flags), fd, size,
                (fd, data, size, flags), (fd, data, size / 2, flags), ECONNRESET, EINTR)

FAULTY(int, fsync, (int fd), (fd), -1, EIO, ENOSPC)
FAULTY(int, fdatasync, (int fd), (fd), -1, EIO)
FAULTY(int, ftruncate, (int fd, off_t size), (fd, size), -1, ENOSPC, EIO)
FAULTY(int, ftruncate64, (int fd, off64_t size), (fd, size), -1, ENOSPC, EIO)
FAULTY(int, fallocate, (int fd, int how, off_t at, off_t size), (fd, how, at, size), -1, ENOSPC)
FAULTY(off_t, lseek, (int fd, off_t at, int whence), (fd, at, whence), -1, EINVAL)
FAULTY(int, fstat, (int fd, struct stat* status) noexcept, (fd, status), -1, EIO)
FAULTY(int, rename, (const char* from, const char* to) noexcept, (from, to), -1, EIO, ENOSPC)
FAULTY(int, renameat2,
       (int from_at, const char* from, int to_at, const char* to, unsigned flags) noexcept,
       (from_at, from, to_at, to, flags), -1, EIO, ENOSPC, EINVAL)
FAULTY(int, mkdir, (const char* path, mode_t mode) noexcept, (path, mode), -1, ENOSPC, EACCES)
FAULTY(int, link, (const char* from, const char* to) noexcept, (from, to), -1, EXDEV, EMLINK)
FAULTY(int, linkat, (int from_at, const char* from, int to_at, const char* to, int flags) noexcept,
       (from_at, from, to_at, to, flags), -1, EXDEV, EMLINK)
FAULTY(int, unlink, (const char* path) noexcept, (path), -1, EIO)
FAULTY(int, posix_fadvise, (int fd, off_t at, off_t size, int advice) noexcept,
       (fd, at, size, advice), *failure, EINVAL)

FAULTY(void*, mmap, (void* where, size_t size, int what, int flags, int fd, off_t at) noexcept,
       (where, size, what, flags, fd, at), MAP_FAILED, ENOMEM)
FAULTY(void*, mmap64, (void* where, size_t size, int what, int flags, int fd, off64_t at) noexcept,
       (where, size, what, flags, fd, at), MAP_FAILED, ENOMEM)
FAULTY(int, madvise, (void* where, size_t size, int advice) noexcept, (where, size, advice), -1,
       EINVAL, ENOMEM)
FAULTY(int, mincore, (void* where, size_t size, unsigned char* pages) noexcept,
       (where, size, pages), -1, EPERM, EAGAIN)

FAULTY(int, eventfd, (unsigned count, int flags) noexcept, (count, flags), -1, EMFILE)
FAULTY(int, epoll_create1, (int flags) noexcept, (flags), -1, EMFILE)
FAULTY(int, epoll_ctl, (int epoll, int how, int fd, struct epoll_event* event) noexcept,
       (epoll, how, fd, event), -1, ENOMEM, ENOSPC)
FAULTY(int, epoll_wait, (int epoll, struct epoll_event* events, int most, int timeout),
       (epoll, events, most, timeout), -1, EINTR)
FAULTY(int, poll, (struct pollfd * files, nfds_t count, int timeout), (files, count, timeout), -1,
       EINTR)
FAULTY(int, timerfd_create, (int clock, int flags) noexcept, (clock, flags), -1, EMFILE)
FAULTY(int, memfd_create, (const char* name, unsigned flags) noexcept, (name, flags), -1, EMFILE)
FAULTY(int, pipe2, (int* ends, int flags) noexcept, (ends, flags), -1, EMFILE)
FAULTY(int, socketpair, (int domain, int type, int protocol, int* ends) noexcept,
       (domain, type, protocol, ends), -1, EMFILE)
FAULTY(int, socket, (int domain, int type, int protocol) noexcept, (domain, type, protocol), -1,
       EMFILE)
FAULTY(int, connect, (int fd, const struct sockaddr* address, socklen_t size), (fd, address, size),
       -1, ECONNREFUSED, EAGAIN)
FAULTY(int, io_uring_queue_init, (unsigned entries, struct io_uring* ring, unsigned flags),
       (entries, ring, flags), -*failure, ENOMEM, EMFILE)
FAULTY(int, io_uring_queue_init_params,
       (unsigned entries, struct io_uring* ring, struct io_uring_params* parameters),
       (entries, ring, parameters), -*failure, ENOMEM, EMFILE)
FAULTY(int, io_uring_register_buffers,
       (struct io_uring * ring, const struct iovec* buffers, unsigned count),
       (ring, buffers, count), -*failure, ENOMEM)

FAULTY(int, pthread_create,
       (pthread_t * thread, const pthread_attr_t* attributes, void* (*body)(void*),
        void* argument) noexcept,
       (thread, attributes, body, argument), *failure, EAGAIN)

extern "C" int ioctl(int fd, unsigned long request, ...) noexcept {
  static auto* const real = faasnap::faults::next<int(int, unsigned long, ...)>("ioctl");
  va_list rest;
  va_start(rest, request);
  void* const argument = va_arg(rest, void*);
  va_end(rest);
  if (const auto failure = faasnap::faults::failure_of("ioctl", {ENOMEM, EIO, EINTR}, request)) {
    errno = *failure;
    return -1;
  }
  return real(fd, request, argument);
}

// userfaultfd and other calls that the C library has no function for.
extern "C" long syscall(long number, ...) noexcept {
  static auto* const real = faasnap::faults::next<long(long, ...)>("syscall");
  va_list rest;
  va_start(rest, number);
  std::array<long, 6> arguments{};
  for (long& argument : arguments) {
    argument = va_arg(rest, long);
  }
  va_end(rest);
  // The C++ library waits by futex(2), which has no errors to tell.
  if (number != SYS_futex) {
    if (const auto failure = faasnap::faults::failure_of("syscall", {ENOSYS, EPERM, EMFILE},
                                                         static_cast<unsigned long>(number))) {
      errno = *failure;
      return -1;
    }
  }
  return real(number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4],
              arguments[5]);
}
