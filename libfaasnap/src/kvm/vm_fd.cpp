// SPDX-License-Identifier: Apache-2.0

#include "kvm/vm_fd.h"

#include <fmt/format.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/clock.h"
#include "base/error.h"
#include "kvm/ioctl.h"

namespace faasnap::kvm {
namespace {

// Pages that KVM needs for real mode on some Intel processors: in the hole for devices, below the
// place of the firmware. The task-state segment takes three pages.
constexpr std::uint64_t kIdentityMapAddress = 0xfffbc000;
constexpr std::uintptr_t kTssAddress = 0xfffbd000;

constexpr std::array<std::uint32_t, 3> kIrqChips = {KVM_IRQCHIP_PIC_MASTER, KVM_IRQCHIP_PIC_SLAVE,
                                                    KVM_IRQCHIP_IOAPIC};

// A running machine's clock is below this (146 years).
constexpr std::uint64_t kClockLimit = 1ULL << 62;

// The guest's clock, and the host's CLOCK_REALTIME at the same moment.
struct ClockPair {
  std::uint64_t guest = 0;
  std::uint64_t host = 0;
};

std::uint64_t realtime() { return static_cast<std::uint64_t>(base::realtime_now().count()); }

ClockPair read_clock(int fd) {
  kvm_clock_data data{};
  checked_ioctl(fd, KVM_GET_CLOCK, &data, "KVM_GET_CLOCK");
  const bool paired = (data.flags & KVM_CLOCK_REALTIME) != 0;
  return {data.clock, paired ? data.realtime : realtime()};
}

}  // namespace

VmFd::VmFd(const System& system)
    : fd_(checked_ioctl(system.fd(), KVM_CREATE_VM, std::uintptr_t{0}, "KVM_CREATE_VM")),
      clock_takes_realtime_((system.extension(KVM_CAP_ADJUST_CLOCK) & KVM_CLOCK_REALTIME) != 0) {
  std::uint64_t identity_map = kIdentityMapAddress;
  checked_ioctl(fd_.get(), KVM_SET_IDENTITY_MAP_ADDR, &identity_map, "KVM_SET_IDENTITY_MAP_ADDR");
  checked_ioctl(fd_.get(), KVM_SET_TSS_ADDR, kTssAddress, "KVM_SET_TSS_ADDR");
  checked_ioctl(fd_.get(), KVM_CREATE_IRQCHIP, std::uintptr_t{0}, "KVM_CREATE_IRQCHIP");
  kvm_pit_config pit{};
  pit.flags = KVM_PIT_SPEAKER_DUMMY;  // port 0x61 belongs to the timer
  checked_ioctl(fd_.get(), KVM_CREATE_PIT2, &pit, "KVM_CREATE_PIT2");
}

void VmFd::map_memory(const memory::GuestMemory& memory) {
  std::uint32_t slot = 0;
  for (const memory::Region& region : memory.regions()) {
    kvm_userspace_memory_region mapping{};
    mapping.slot = slot++;
    mapping.guest_phys_addr = region.base.value;
    mapping.memory_size = region.size.value;
    mapping.userspace_addr =
        reinterpret_cast<std::uintptr_t>(memory.host().data() + region.image_offset.value);
    checked_ioctl(fd_.get(), KVM_SET_USER_MEMORY_REGION, &mapping, "KVM_SET_USER_MEMORY_REGION");
  }
}

void VmFd::raise_interrupt(std::uint32_t gsi) const noexcept {
  for (const std::uint32_t level : {1U, 0U}) {
    kvm_irq_level line{};
    line.irq = gsi;
    line.level = level;
    // Fails only for a VM without the interrupt controllers that each has.
    ::ioctl(fd_.get(), KVM_IRQ_LINE, &line);
  }
}

void VmFd::attach_irqfd(const base::EventFd& event, std::uint32_t gsi) const {
  kvm_irqfd link{};
  link.fd = static_cast<std::uint32_t>(event.get());
  link.gsi = gsi;
  checked_ioctl(fd_.get(), KVM_IRQFD, &link, "KVM_IRQFD");
}

void VmFd::attach_ioeventfd(const base::EventFd& event, memory::GuestAddress address,
                            std::uint32_t width, std::optional<std::uint32_t> datamatch) const {
  kvm_ioeventfd link{};
  link.fd = event.get();
  link.addr = address.value;
  link.len = width;
  if (datamatch) {
    link.datamatch = *datamatch;
    link.flags = KVM_IOEVENTFD_FLAG_DATAMATCH;
  }
  checked_ioctl(fd_.get(), KVM_IOEVENTFD, &link, "KVM_IOEVENTFD");
}

std::vector<std::byte> VmFd::save() const {
  base::ByteWriter out;
  for (const std::uint32_t id : kIrqChips) {
    kvm_irqchip chip{};
    chip.chip_id = id;
    checked_ioctl(fd_.get(), KVM_GET_IRQCHIP, &chip, "KVM_GET_IRQCHIP");
    out.put_abi(chip);
  }
  kvm_pit_state2 pit{};
  checked_ioctl(fd_.get(), KVM_GET_PIT2, &pit, "KVM_GET_PIT2");
  out.put_abi(pit);
  const ClockPair clock = read_clock(fd_.get());
  out.put(clock.guest);
  out.put(clock.host);
  return out.take();
}

void VmFd::restore(base::ByteReader& in, MonotonicClock policy) {
  std::array<kvm_irqchip, kIrqChips.size()> chips{};
  for (std::size_t i = 0; i < chips.size(); ++i) {
    chips[i] = in.get_abi<kvm_irqchip>();
    if (chips[i].chip_id != kIrqChips[i]) {
      in.reject(
          fmt::format("interrupt controller {} where {} belongs", chips[i].chip_id, kIrqChips[i]));
    }
  }
  auto pit = in.get_abi<kvm_pit_state2>();
  kvm_clock_data clock{};
  clock.clock = in.get<std::uint64_t>();
  clock.realtime = in.get<std::uint64_t>();
  if (clock.clock >= kClockLimit || clock.realtime >= kClockLimit) {
    in.reject("the clock is out of range");
  }
  in.finish();

  for (kvm_irqchip& chip : chips) {
    checked_ioctl(fd_.get(), KVM_SET_IRQCHIP, &chip, "KVM_SET_IRQCHIP");
  }
  checked_ioctl(fd_.get(), KVM_SET_PIT2, &pit, "KVM_SET_PIT2");
  if (policy == MonotonicClock::continued) {
    clock.realtime = 0;
  } else if (clock_takes_realtime_) {
    clock.flags = KVM_CLOCK_REALTIME;  // KVM adds the time since clock.realtime, if positive
  } else {
    const std::uint64_t now = realtime();
    clock.clock += now > clock.realtime ? now - clock.realtime : 0;
    clock.realtime = 0;
  }
  checked_ioctl(fd_.get(), KVM_SET_CLOCK, &clock, "KVM_SET_CLOCK");
}

}  // namespace faasnap::kvm
