// SPDX-License-Identifier: Apache-2.0

#include "kvm/vcpu_msrs.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>

#include "base/error.h"
#include "kvm/abi.h"
#include "kvm/ioctl.h"

namespace faasnap::kvm {
namespace {

constexpr std::size_t kMsrsPerCall = 128;  // KVM takes fewer than 256

struct MsrRange {
  std::uint32_t first;
  std::uint32_t last;
};

constexpr MsrRange kExtra[] = {
    {0x1d9, 0x1d9},  // debug control, for the detection of bus locks
    {0x200, 0x20f},  // MTRRs of variable ranges
    {0x250, 0x250},  // MTRRs of fixed ranges
    {0x258, 0x259}, {0x268, 0x26f}, {kMsrMtrrDefaultType, kMsrMtrrDefaultType},
    {0x400, 0x47f},  // machine-check banks
};

constexpr MsrRange kLeftOut[] = {
    {0x11, 0x12},              // wall clock and system time by their old names
    {0x480, 0x493},            // nested virtualization
    {0x40000000, 0x400001ff},  // Hyper-V, which is not offered
    {0x4b564d00, 0x4b564d00},  // wall clock
    {0x4b564d02, 0x4b564d02},  // asynchronous page faults
    {0x4b564d06, 0x4b564d08},  // the same, and migration control
    {kMsrTsc, kMsrTsc},        // these two come last
    {kMsrTscDeadline, kMsrTscDeadline},
};

bool is_left_out(std::uint32_t index) {
  return std::ranges::any_of(
      kLeftOut, [&](const MsrRange& range) { return index >= range.first && index <= range.last; });
}

// A struct kvm_msrs.
struct MsrBatch {
  ListHeader header;
  kvm_msr_entry entries[kMsrsPerCall] = {};
};

std::uint32_t batch_size(std::size_t remaining) {
  return static_cast<std::uint32_t>(std::min(remaining, kMsrsPerCall));
}

bool has_value(int vcpu_fd, const kvm_msr_entry& msr) {
  const std::vector<kvm_msr_entry> now = read_msrs(vcpu_fd, std::span(&msr.index, 1));
  return now.empty() ? msr.data == 0 : now.front().data == msr.data;
}

}  // namespace

std::vector<std::uint32_t> msrs_to_save(const System& system) {
  std::vector<std::uint32_t> indices = system.saved_msrs();
  for (const MsrRange& range : kExtra) {
    for (std::uint32_t index = range.first; index <= range.last; ++index) {
      if (std::ranges::find(indices, index) == indices.end()) {
        indices.push_back(index);
      }
    }
  }
  std::erase_if(indices, is_left_out);
  indices.push_back(kMsrTsc);
  indices.push_back(kMsrTscDeadline);
  return indices;
}

std::vector<kvm_msr_entry> read_msrs(int vcpu_fd, std::span<const std::uint32_t> indices) {
  std::vector<kvm_msr_entry> values;
  while (!indices.empty()) {
    MsrBatch batch;
    batch.header.count = batch_size(indices.size());
    for (std::uint32_t i = 0; i < batch.header.count; ++i) {
      batch.entries[i].index = indices[i];
    }
    const auto done =
        static_cast<std::size_t>(checked_ioctl(vcpu_fd, kGetMsrs, &batch, "KVM_GET_MSRS"));
    values.insert(values.end(), batch.entries, batch.entries + done);
    // KVM stops at the first register that it cannot read.
    indices = indices.subspan(done < batch.header.count ? done + 1 : done);
  }
  return values;
}

void write_msrs(int vcpu_fd, std::span<const kvm_msr_entry> msrs) {
  while (!msrs.empty()) {
    MsrBatch batch;
    batch.header.count = batch_size(msrs.size());
    std::copy_n(msrs.begin(), batch.header.count, batch.entries);
    const auto done =
        static_cast<std::size_t>(checked_ioctl(vcpu_fd, kSetMsrs, &batch, "KVM_SET_MSRS"));
    const bool refused = done < batch.header.count;
    if (refused && !has_value(vcpu_fd, msrs[done])) {
      base::fail(ErrorKind::version, "KVM_SET_MSRS", kDevice,
                 fmt::format("this host does not take model-specific register {:#x} = {:#x}",
                             msrs[done].index, static_cast<std::uint64_t>(msrs[done].data)));
    }
    msrs = msrs.subspan(refused ? done + 1 : done);
  }
}

}  // namespace faasnap::kvm
