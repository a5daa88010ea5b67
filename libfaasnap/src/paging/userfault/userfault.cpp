// SPDX-License-Identifier: Apache-2.0

#include "paging/userfault/userfault.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/error.h"

namespace faasnap::paging {
namespace {

constexpr const char* kDevice = "/dev/userfaultfd";

[[noreturn]] void fail_to_open(int error_number) {
  if (error_number == EPERM || error_number == EACCES) {
    base::fail(
        ErrorKind::permission, "open userfaultfd", kDevice,
        "not allowed for the faults of a guest; give this user access to the device, set the "
        "sysctl vm.unprivileged_userfaultfd to 1, or run as root");
  }
  if (error_number == ENOSYS || error_number == EINVAL) {
    base::fail(ErrorKind::unsupported, "open userfaultfd", {},
               "the kernel is built without CONFIG_USERFAULTFD, or a filter forbids it");
  }
  base::fail_errno("open userfaultfd", {}, error_number);
}

// The system call first: it needs no device node. Both see faults that the kernel takes on behalf
// of a guest, which UFFD_USER_MODE_ONLY would not.
base::UniqueFd open_userfaultfd() {
  constexpr int kFlags = O_CLOEXEC | O_NONBLOCK;
  base::UniqueFd fd(static_cast<int>(::syscall(SYS_userfaultfd, kFlags)));
  if (fd) {
    return fd;
  }
  int error_number = errno;
#ifdef USERFAULTFD_IOC_NEW
  if (const base::UniqueFd device(::open(kDevice, O_RDWR | O_CLOEXEC)); device) {
    fd = base::UniqueFd(::ioctl(device.get(), USERFAULTFD_IOC_NEW, kFlags));
  } else if (errno == EACCES || errno == EPERM) {
    error_number = errno;  // the kernel has it: only the device's permissions are missing
  }
#endif
  if (!fd) {
    fail_to_open(error_number);
  }
  return fd;
}

// Returns how many bytes a request has installed, or a negative errno value.
std::int64_t outcome(int result, std::int64_t reported) {
  if (result == 0 || reported != 0) {
    return reported;
  }
  return -errno;
}

// Installs `pages` with `request(first, bytes)`, which the kernel may end early: at a page that is
// there already (EEXIST), or for a reason that passes (EAGAIN).
template <typename Request>
std::uint64_t install(PageRange pages, const char* operation, Request request) {
  std::uint64_t installed = 0;
  while (pages.count != 0) {
    const std::int64_t done = request(pages);
    if (done < 0 && done != -EEXIST && done != -EAGAIN) {
      base::fail_errno(operation, {}, static_cast<int>(-done));
    }
    const std::uint64_t moved = done > 0 ? static_cast<std::uint64_t>(done) / kPageSize : 0;
    installed += moved;
    const std::uint64_t passed = moved + (done == -EEXIST ? 1 : 0);
    pages = {pages.first + passed, pages.count - passed};
  }
  return installed;
}

}  // namespace

Userfault::Userfault(std::span<std::byte> memory) : memory_(memory), fd_(open_userfaultfd()) {
  uffdio_api api{};
  api.api = UFFD_API;
  if (::ioctl(fd_.get(), UFFDIO_API, &api) != 0) {
    base::fail_errno("set up userfaultfd");
  }
}

std::uint64_t Userfault::address_of(PageIndex page) const noexcept {
  return reinterpret_cast<std::uintptr_t>(memory_.data()) + page.offset().value;
}

void Userfault::watch(PageRange pages) {
  constexpr std::uint64_t kNeeded =
      (1ULL << _UFFDIO_COPY) | (1ULL << _UFFDIO_ZEROPAGE) | (1ULL << _UFFDIO_WAKE);
  uffdio_register request{};
  request.range = {address_of(pages.first), pages.size().value};
  request.mode = UFFDIO_REGISTER_MODE_MISSING;
  if (::ioctl(fd_.get(), UFFDIO_REGISTER, &request) != 0) {
    base::fail_errno(fmt::format("register {} pages from page {} with userfaultfd", pages.count,
                                 pages.first.value));
  }
  if ((request.ioctls & kNeeded) != kNeeded) {
    base::fail(ErrorKind::unsupported, "register guest memory with userfaultfd", {},
               "the kernel cannot install pages there");
  }
}

std::uint64_t Userfault::copy(PageRange pages, const std::byte* source) const {
  const PageIndex begin = pages.first;
  return install(pages, "install guest pages", [&](PageRange rest) {
    uffdio_copy request{};
    request.dst = address_of(rest.first);
    request.src = reinterpret_cast<std::uintptr_t>(source) + (rest.first - begin) * kPageSize;
    request.len = rest.size().value;
    const int result = ::ioctl(fd_.get(), UFFDIO_COPY, &request);
    return outcome(result, request.copy);
  });
}

std::uint64_t Userfault::share_zeros(PageRange pages) const {
  return install(pages, "install zero pages", [&](PageRange rest) {
    uffdio_zeropage request{};
    request.range = {address_of(rest.first), rest.size().value};
    const int result = ::ioctl(fd_.get(), UFFDIO_ZEROPAGE, &request);
    return outcome(result, request.zeropage);
  });
}

void Userfault::wake(PageRange pages) const {
  uffdio_range range{address_of(pages.first), pages.size().value};
  if (::ioctl(fd_.get(), UFFDIO_WAKE, &range) != 0) {
    base::fail_errno("wake userfaultfd");
  }
}

void Userfault::release() const noexcept {
  // Should the kernel refuse, whoever waits goes on when this is destroyed, which cannot fail.
  uffdio_range range{address_of({0}), memory_.size()};
  ::ioctl(fd_.get(), UFFDIO_UNREGISTER, &range);
  // The kernel wakes the waiting threads before it stops watching; a fault in between (since Linux
  // 6.7 it takes only the lock of its mapping) waits from then on.
  ::ioctl(fd_.get(), UFFDIO_WAKE, &range);
}

std::size_t Userfault::take(std::span<PageFault> out) const {
  std::array<uffd_msg, 16> messages;
  const std::size_t room = std::min(out.size(), messages.size());
  const ssize_t bytes = base::retry_eintr(
      [&] { return ::read(fd_.get(), messages.data(), room * sizeof(messages[0])); });
  if (bytes < 0 && errno != EAGAIN) {
    base::fail_errno("read userfaultfd");
  }
  std::size_t count = 0;
  for (std::size_t i = 0; bytes > 0 && i < static_cast<std::size_t>(bytes) / sizeof(uffd_msg);
       ++i) {
    if (messages[i].event != UFFD_EVENT_PAGEFAULT) {
      continue;
    }
    const auto& fault = messages[i].arg.pagefault;
    out[count++] = {{(fault.address - address_of({0})) / kPageSize},
                    (fault.flags & UFFD_PAGEFAULT_FLAG_WRITE) != 0};
  }
  return count;
}

}  // namespace faasnap::paging
