// SPDX-License-Identifier: Apache-2.0

#include "kvm/system.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <utility>

#include "base/error.h"
#include "kvm/abi.h"
#include "kvm/ioctl.h"

namespace faasnap::kvm {
namespace {

constexpr const char* kOpen = "open the hypervisor";
constexpr int kApiVersion = 12;  // every kernel since 2.6.22 has this version
constexpr std::size_t kEntryLimit = 4096;

struct Capability {
  int number;
  const char* name;
};

constexpr std::array kRequired = {
    Capability{KVM_CAP_IRQCHIP, "KVM_CAP_IRQCHIP"},
    Capability{KVM_CAP_USER_MEMORY, "KVM_CAP_USER_MEMORY"},
    Capability{KVM_CAP_SET_TSS_ADDR, "KVM_CAP_SET_TSS_ADDR"},
    Capability{KVM_CAP_SET_IDENTITY_MAP_ADDR, "KVM_CAP_SET_IDENTITY_MAP_ADDR"},
    Capability{KVM_CAP_EXT_CPUID, "KVM_CAP_EXT_CPUID"},
    Capability{KVM_CAP_MP_STATE, "KVM_CAP_MP_STATE"},
    Capability{KVM_CAP_IRQFD, "KVM_CAP_IRQFD"},
    Capability{KVM_CAP_IOEVENTFD, "KVM_CAP_IOEVENTFD"},
    Capability{KVM_CAP_PIT2, "KVM_CAP_PIT2"},
    Capability{KVM_CAP_PIT_STATE2, "KVM_CAP_PIT_STATE2"},
    Capability{KVM_CAP_ADJUST_CLOCK, "KVM_CAP_ADJUST_CLOCK"},
    Capability{KVM_CAP_VCPU_EVENTS, "KVM_CAP_VCPU_EVENTS"},
    Capability{KVM_CAP_DEBUGREGS, "KVM_CAP_DEBUGREGS"},
    Capability{KVM_CAP_XSAVE, "KVM_CAP_XSAVE"},
    Capability{KVM_CAP_GET_TSC_KHZ, "KVM_CAP_GET_TSC_KHZ"},
    Capability{KVM_CAP_IMMEDIATE_EXIT, "KVM_CAP_IMMEDIATE_EXIT"},
};

[[noreturn]] void fail_to_open(int error_number) {
  switch (error_number) {
    case ENOENT:
    case ENODEV:
    case ENXIO:
      base::fail(
          ErrorKind::unsupported, kOpen, kDevice,
          "this host offers no KVM; enable virtualization in its firmware and load kvm_intel "
          "or kvm_amd, or run inside the lab (`faasnap lab -- COMMAND`)");
    case EACCES:
    case EPERM:
      base::fail(ErrorKind::permission, kOpen, kDevice,
                 "not accessible; add this user to the group that owns it (usually kvm)");
    default:
      base::fail_errno(kOpen, kDevice, error_number);
  }
}

// Calls `request` with a growing list until all entries fit. The list begins with a `Header`, whose
// first member is the count.
template <typename Header, typename Entry>
std::vector<Entry> read_list(int fd, unsigned long request, const char* name) {
  for (std::uint32_t room = 256; room <= kEntryLimit; room *= 2) {
    std::vector<std::byte> buffer(sizeof(Header) + room * sizeof(Entry));
    Header header{.count = room};
    std::memcpy(buffer.data(), &header, sizeof(header));
    if (base::retry_eintr([&] { return ::ioctl(fd, request, buffer.data()); }) == 0) {
      std::memcpy(&header, buffer.data(), sizeof(header));
      std::vector<Entry> entries(std::min(header.count, room));
      std::memcpy(entries.data(), buffer.data() + sizeof(header), entries.size() * sizeof(Entry));
      return entries;
    }
    if (errno != E2BIG) {
      base::fail_errno(name, kDevice);
    }
  }
  base::fail_errno(name, kDevice, E2BIG);
}

}  // namespace

System System::open() {
  const int fd = base::retry_eintr([] { return ::open(kDevice, O_RDWR | O_CLOEXEC); });
  if (fd < 0) {
    fail_to_open(errno);
  }
  return System(base::UniqueFd(fd));
}

System::System(base::UniqueFd fd) : fd_(std::move(fd)) {
  const int version = ::ioctl(fd_.get(), KVM_GET_API_VERSION, 0);
  if (version != kApiVersion) {
    base::fail(ErrorKind::unsupported, kOpen, kDevice,
               fmt::format("answers API version {}, expected {}", version, kApiVersion));
  }
  std::string missing;
  for (const Capability& capability : kRequired) {
    if (extension(capability.number) == 0) {
      missing += fmt::format("{}{}", missing.empty() ? "" : ", ", capability.name);
    }
  }
  if (!missing.empty()) {
    base::fail(ErrorKind::unsupported, kOpen, kDevice,
               fmt::format("lacks {}; Linux 5.10 or later on x86-64 is required", missing));
  }
  vcpu_mmap_size_ =
      checked_ioctl(fd_.get(), KVM_GET_VCPU_MMAP_SIZE, std::uintptr_t{0}, "KVM_GET_VCPU_MMAP_SIZE");
  if (vcpu_mmap_size_ < static_cast<int>(sizeof(kvm_run))) {
    base::fail(ErrorKind::unsupported, kOpen, kDevice,
               fmt::format("shares {} bytes with each vCPU, expected {} or more", vcpu_mmap_size_,
                           sizeof(kvm_run)));
  }
}

int System::extension(int capability) const noexcept {
  const int answer = ::ioctl(fd_.get(), KVM_CHECK_EXTENSION, capability);
  return answer < 0 ? 0 : answer;
}

std::vector<kvm_cpuid_entry2> System::supported_cpuid() const {
  return read_list<ListHeader, kvm_cpuid_entry2>(fd_.get(), kGetSupportedCpuid,
                                                 "KVM_GET_SUPPORTED_CPUID");
}

std::vector<std::uint32_t> System::saved_msrs() const {
  return read_list<IndexListHeader, std::uint32_t>(fd_.get(), kGetMsrIndexList,
                                                   "KVM_GET_MSR_INDEX_LIST");
}

}  // namespace faasnap::kvm
