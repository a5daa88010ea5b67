// SPDX-License-Identifier: Apache-2.0

#include "machine.h"

#include <fcntl.h>
#include <linux/random.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/reboot.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <vector>

#include "fd.h"
#include "processors.h"
#include "text.h"

namespace faasnap::init {
namespace {

constexpr std::size_t kMostSeedBytes = 64;
constexpr std::int64_t kNanosecondsPerSecond = 1'000'000'000;
constexpr std::int64_t kClockTolerance = 1'000'000;
// A request may have been this long under way since the host looked at its clock.
constexpr std::int64_t kLongestWay = 10 * kNanosecondsPerSecond;
// The smallest blocks that the kernel reports, as a power of two in pages.
constexpr const char* kReportedOrder = "/sys/module/page_reporting/parameters/page_reporting_order";
// Share of memory that the processors' lists of free pages may have; 0 for the kernel's default.
constexpr const char* kShortLists = "/proc/sys/vm/percpu_pagelist_high_fraction";
constexpr std::size_t kPageBytes = 4096;
// More than a processor keeps in each of its own lists of free pages; a pipe holds so much.
constexpr std::size_t kFreeListBytes = 256 * kPageBytes;

void add_entropy(int random, std::string_view bytes) {
  struct {
    int entropy_bits;
    int size;
    char seed[kMostSeedBytes];
  } entry{};
  const std::size_t count = bytes.copy(entry.seed, sizeof entry.seed);
  entry.size = static_cast<int>(count);
  entry.entropy_bits = entry.size * 8;
  if (::ioctl(random, RNDADDENTROPY, &entry) != 0) {
    say("add entropy: %s", std::strerror(errno));
  }
}

void set_clock(std::int64_t host_now) {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  const std::int64_t ahead = now.tv_sec * kNanosecondsPerSecond + now.tv_nsec - host_now;
  if (ahead >= -kClockTolerance && ahead <= kLongestWay) {
    return;
  }
  const timespec wanted{host_now / kNanosecondsPerSecond, host_now % kNanosecondsPerSecond};
  if (::clock_settime(CLOCK_REALTIME, &wanted) != 0) {
    say("set the clock: %s", std::strerror(errno));
  }
}

// Sets a parameter of the kernel, if this one has it.
void set_parameter(const char* path, const char* value) {
  if (!write_file(path, value) && errno != ENOENT) {
    say("%s: %s", path, std::strerror(errno));
  }
}

// Takes pages as a program does: the kernel clears them.
void use_movable_pages() {
  void* memory =
      ::mmap(nullptr, kFreeListBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    return;
  }
  ::madvise(memory, kFreeListBytes, MADV_NOHUGEPAGE);
  for (std::size_t offset = 0; offset < kFreeListBytes; offset += kPageBytes) {
    static_cast<volatile char*>(memory)[offset] = 0;
  }
  ::munmap(memory, kFreeListBytes);
}

// Takes pages as the kernel does for itself, which has other lists: those of a full pipe.
void use_kernel_pages() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) {
    return;
  }
  const Fd source(ends[0]);
  const Fd sink(ends[1]);
  ::fcntl(sink.get(), F_SETPIPE_SZ, kFreeListBytes);
  const std::vector<char> zeros(kFreeListBytes);
  (void)!::write(sink.get(), zeros.data(), zeros.size());
}

}  // namespace

void refresh_machine(std::string_view seed, std::string_view time_ns) {
  static const Fd random(::open("/dev/urandom", O_WRONLY | O_CLOEXEC));
  const auto bytes = parse_hex(seed);
  if (bytes && !bytes->empty()) {
    add_entropy(random.get(), *bytes);
  }
  if (::ioctl(random.get(), RNDRESEEDCRNG) != 0) {
    say("reseed: %s", std::strerror(errno));
  }
  const auto now = parse_number(time_ns);
  if (now && *now <= INT64_MAX) {
    set_clock(static_cast<std::int64_t>(*now));
  }
}

void report_all_free_memory() {
  set_parameter(kReportedOrder, "0");
  set_parameter(kShortLists, "100000");
  clear_free_lists();
}

void report_large_free_blocks() {
  set_parameter(kReportedOrder, "10");
  set_parameter(kShortLists, "0");
}

void clear_free_lists() {
  cpu_set_t usual;
  if (::sched_getaffinity(0, sizeof usual, &usual) != 0) {
    return;
  }
  for (int processor = 0; processor < CPU_SETSIZE; ++processor) {
    const cpu_set_t one = only_processor(processor);
    if (::sched_setaffinity(0, sizeof one, &one) == 0) {
      use_movable_pages();
      use_kernel_pages();
    }
  }
  ::sched_setaffinity(0, sizeof usual, &usual);
}

void power_off_machine() {
  ::reboot(RB_POWER_OFF);
  say("power-off: %s", std::strerror(errno));
}

void crash_machine() { write_file("/proc/sysrq-trigger", "c"); }

}  // namespace faasnap::init
