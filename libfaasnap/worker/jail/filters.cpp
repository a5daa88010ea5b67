// SPDX-License-Identifier: Apache-2.0

#include "jail/filters.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <linux/if_tun.h>
#include <linux/kvm.h>
#include <linux/prctl.h>
#include <linux/seccomp.h>
#include <linux/userfaultfd.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>

#include "base/error.h"
#include "base/files/file.h"
#include "kvm/abi.h"

namespace faasnap::worker {
namespace {

constexpr const char* kFiltering = "filter system calls";

// cachestat(2) of Linux 6.5.
constexpr int kCachestat = 451;

// ---- The lists.

// The C and C++ run-time: memory, locks, clocks, the end; a signal to a vCPU's thread.
constexpr std::array kEveryThread = {
    SCMP_SYS(brk), SCMP_SYS(clock_gettime), SCMP_SYS(clock_nanosleep), SCMP_SYS(close),
    SCMP_SYS(exit), SCMP_SYS(exit_group), SCMP_SYS(futex), SCMP_SYS(getpid), SCMP_SYS(getrandom),
    SCMP_SYS(gettid), SCMP_SYS(gettimeofday), SCMP_SYS(madvise), SCMP_SYS(mremap), SCMP_SYS(munmap),
    SCMP_SYS(nanosleep), SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(read), SCMP_SYS(restart_syscall),
    SCMP_SYS(rseq), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn), SCMP_SYS(rt_sigtimedwait),
    SCMP_SYS(sched_getaffinity), SCMP_SYS(sched_yield), SCMP_SYS(set_robust_list),
    SCMP_SYS(sigaltstack), SCMP_SYS(tgkill), SCMP_SYS(write),
    // Why guest memory is unavailable, and events to the caller. Newer C libraries call newfstatat
    // for fstat.
    SCMP_SYS(fstat), SCMP_SYS(lseek), SCMP_SYS(newfstatat), SCMP_SYS(pread64), SCMP_SYS(sendmsg)};

// epoll, streams, io_uring, reads of files and writes of disks.
constexpr std::array kDeviceThreads = {SCMP_SYS(accept4),        kCachestat,
                                       SCMP_SYS(epoll_ctl),      SCMP_SYS(epoll_pwait),
                                       SCMP_SYS(epoll_wait),     SCMP_SYS(eventfd2),
                                       SCMP_SYS(fallocate),      SCMP_SYS(fdatasync),
                                       SCMP_SYS(geteuid),        SCMP_SYS(getsockopt),
                                       SCMP_SYS(io_uring_enter), SCMP_SYS(io_uring_register),
                                       SCMP_SYS(io_uring_setup), SCMP_SYS(mincore),
                                       SCMP_SYS(preadv),         SCMP_SYS(preadv2),
                                       SCMP_SYS(pwritev2),       SCMP_SYS(readv),
                                       SCMP_SYS(recvfrom),       SCMP_SYS(recvmsg),
                                       SCMP_SYS(sendto),         SCMP_SYS(shutdown),
                                       SCMP_SYS(writev)};

// Making VMs, snapshots and threads.
constexpr std::array kControlThreads = {
    SCMP_SYS(epoll_create1), SCMP_SYS(fadvise64),  SCMP_SYS(fstatfs),  SCMP_SYS(ftruncate),
    SCMP_SYS(memfd_create),  SCMP_SYS(openat),     SCMP_SYS(pwrite64), SCMP_SYS(readahead),
    SCMP_SYS(rt_sigaction),  SCMP_SYS(userfaultfd)};

// Requests whose structures end in an array have another size, and so another number, in C++
// (kvm/abi.h).

// Running a vCPU.
constexpr std::array<unsigned long, 4> kVcpuRequests = {KVM_RUN, kvm::kSetSignalMask,
                                                        KVM_KVMCLOCK_CTRL, KVM_IRQ_LINE};

// Interrupts and notifications of devices; what a tap leaves to the guest; answering page faults;
// pages of the second stage.
constexpr std::array kDeviceRequests = {static_cast<unsigned long>(KVM_IRQFD),
                                        static_cast<unsigned long>(KVM_IOEVENTFD),
                                        kvm::kPreFaultMemory,
                                        static_cast<unsigned long>(TUNSETOFFLOAD),
                                        static_cast<unsigned long>(UFFDIO_COPY),
                                        static_cast<unsigned long>(UFFDIO_ZEROPAGE),
                                        static_cast<unsigned long>(UFFDIO_WAKE),
                                        static_cast<unsigned long>(UFFDIO_REGISTER),
                                        static_cast<unsigned long>(UFFDIO_UNREGISTER)};

// PAGEMAP_SCAN of Linux 6.7, which finds the touched pages of guest memory.
constexpr unsigned long kPagemapScan = _IOC(_IOC_READ | _IOC_WRITE, 'f', 16, 96);

// Making a VM, saving and restoring its state.
constexpr std::array<unsigned long, 44> kControlRequests = {KVM_CHECK_EXTENSION,
                                                            KVM_CREATE_IRQCHIP,
                                                            KVM_CREATE_PIT2,
                                                            KVM_CREATE_VCPU,
                                                            KVM_CREATE_VM,
                                                            KVM_GET_API_VERSION,
                                                            KVM_GET_CLOCK,

                                                            KVM_GET_DEBUGREGS,
                                                            KVM_GET_IRQCHIP,
                                                            KVM_GET_LAPIC,
                                                            KVM_GET_MP_STATE,
                                                            kvm::kGetMsrs,
                                                            kvm::kGetMsrIndexList,
                                                            KVM_GET_PIT2,
                                                            KVM_GET_REGS,
                                                            KVM_GET_SREGS,
                                                            kvm::kGetSupportedCpuid,
                                                            KVM_GET_TSC_KHZ,
                                                            KVM_GET_VCPU_EVENTS,
                                                            KVM_GET_VCPU_MMAP_SIZE,
                                                            KVM_GET_XCRS,
                                                            kvm::kGetXsave,
                                                            KVM_SET_CLOCK,
                                                            kvm::kSetCpuid2,
                                                            KVM_SET_DEBUGREGS,
                                                            KVM_SET_IDENTITY_MAP_ADDR,
                                                            KVM_SET_IRQCHIP,
                                                            KVM_SET_LAPIC,
                                                            KVM_SET_MP_STATE,
                                                            kvm::kSetMsrs,
                                                            KVM_SET_PIT2,
                                                            KVM_SET_REGS,
                                                            KVM_SET_SREGS,
                                                            KVM_SET_TSC_KHZ,
                                                            KVM_SET_TSS_ADDR,
                                                            KVM_SET_USER_MEMORY_REGION,
                                                            KVM_SET_VCPU_EVENTS,
                                                            KVM_SET_XCRS,
                                                            kvm::kSetXsave,
                                                            TUNGETIFF,
                                                            TUNSETVNETHDRSZ,
                                                            UFFDIO_API,
                                                            USERFAULTFD_IOC_NEW,
                                                            kPagemapScan};

// A new thread, as pthread_create makes it.
constexpr std::uint32_t kThreadFlags = CLONE_VM | CLONE_THREAD;

// ---- How they become programs.

struct Release {
  void operator()(void* context) const noexcept { ::seccomp_release(context); }
};
using Context = std::unique_ptr<void, Release>;

void check(int result) {
  if (result < 0) {
    base::fail_errno(kFiltering, {}, -result);
  }
}

void answer(const Context& context, std::uint32_t action, int call,
            std::span<const scmp_arg_cmp> conditions = {}) {
  check(::seccomp_rule_add_array(context.get(), action, call,
                                 static_cast<unsigned>(conditions.size()), conditions.data()));
}

void allow(const Context& context, std::span<const int> calls) {
  for (const int call : calls) {
    answer(context, SCMP_ACT_ALLOW, call);
  }
}

void allow_if(const Context& context, int call, std::initializer_list<scmp_arg_cmp> conditions) {
  answer(context, SCMP_ACT_ALLOW, call, {conditions.begin(), conditions.size()});
}

// Conditions on an argument of 32 bits, which the C library may extend to 64 in any way.
constexpr scmp_arg_cmp has_bits(unsigned argument, std::uint32_t mask, std::uint32_t value) {
  return {argument, SCMP_CMP_MASKED_EQ, mask, value};
}
constexpr scmp_arg_cmp equals(unsigned argument, unsigned long value) {
  return has_bits(argument, UINT32_MAX, static_cast<std::uint32_t>(value));
}

template <typename Requests>
void allow_requests(const Context& context, const Requests& requests) {
  for (const auto request : requests) {
    allow_if(context, SCMP_SYS(ioctl), {equals(1, request)});
  }
}

// Memory that is mapped is never code.
void allow_mappings(const Context& context) {
  for (const int call : {SCMP_SYS(mmap), SCMP_SYS(mprotect)}) {
    allow_if(context, call, {has_bits(2, PROT_EXEC, 0)});
  }
}

std::vector<sock_filter> program_of(const Context& context) {
  const base::UniqueFd file(::memfd_create("faasnap-filter", MFD_CLOEXEC));
  if (!file) {
    base::fail_errno(kFiltering);
  }
  check(::seccomp_export_bpf(context.get(), file.get()));
  const Bytes size = base::file_size(file, {});
  std::vector<sock_filter> program(size.value / sizeof(sock_filter));
  base::read_exact(file, std::as_writable_bytes(std::span(program)), 0, {});
  return program;
}

std::vector<sock_filter> make_program(ThreadRole role) {
  const Context context(::seccomp_init(SCMP_ACT_KILL_PROCESS));
  if (!context) {
    base::fail(ErrorKind::unsupported, kFiltering, {}, "libseccomp does not know this host");
  }
  check(::seccomp_attr_set(context.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2));
  allow(context, kEveryThread);
  allow_mappings(context);
  allow_requests(context, kVcpuRequests);
  allow_if(context, SCMP_SYS(prctl), {equals(0, PR_SET_NAME)});
  if (role == ThreadRole::vcpu) {
    // For details of an error; it is reported without them.
    answer(context, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(openat));
    return program_of(context);
  }
  allow(context, kDeviceThreads);
  allow_requests(context, kDeviceRequests);
  // Whether a file may be written, which decides what mincore tells.
  answer(context, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(faccessat2));
  // O_NONBLOCK of streams.
  for (const unsigned long command : {F_DUPFD_CLOEXEC, F_GETFL, F_SETFL}) {
    allow_if(context, SCMP_SYS(fcntl), {equals(1, command)});
  }
  // The two ends of a connection that the guest opens; the caller gets one of them.
  allow_if(context, SCMP_SYS(socketpair),
           {equals(0, AF_UNIX), equals(1, SOCK_STREAM | SOCK_CLOEXEC)});
  // Threads that read where there is no io_uring. Flags of clone3 are out of a filter's sight: the
  // C library goes on with clone.
  answer(context, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3));
  allow_if(context, SCMP_SYS(clone), {has_bits(0, kThreadFlags, kThreadFlags)});
  // A thread takes its narrower filter.
  allow_if(context, SCMP_SYS(seccomp), {equals(0, SECCOMP_SET_MODE_FILTER), equals(1, 0)});
  if (role == ThreadRole::device) {
    answer(context, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(openat));
    return program_of(context);
  }
  allow(context, kControlThreads);
  allow_requests(context, kControlRequests);
  return program_of(context);
}

}  // namespace

ThreadRole role_of(std::string_view thread_name) {
  if (thread_name.starts_with("faasnap-vcpu")) {
    return ThreadRole::vcpu;
  }
  // Threads that answer a call for the control thread.
  if (thread_name == "faasnap-call" || thread_name == "faasnap-end") {
    return ThreadRole::control;
  }
  return ThreadRole::device;
}

Filters::Filters()
    : programs_{make_program(ThreadRole::control), make_program(ThreadRole::device),
                make_program(ThreadRole::vcpu)} {}

void Filters::install(ThreadRole role) const {
  const auto& program = programs_.at(static_cast<std::size_t>(role));
  const sock_fprog filter{.len = static_cast<unsigned short>(program.size()),
                          .filter = const_cast<sock_filter*>(program.data())};
  if (::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) != 0) {
    base::fail_errno(kFiltering);
  }
}

}  // namespace faasnap::worker
