// SPDX-License-Identifier: Apache-2.0

#include <faasnap/vm_pool.h>

#include <atomic>
#include <cstdint>
#include <utility>

#include <faasnap/snapshot.h>

#include "base/error.h"
#include "base/threads/reserve.h"

namespace faasnap {

class VmPool::Impl {
 public:
  Impl(const Snapshot& snapshot, const RestoreOptions& options, std::size_t size)
      : snapshot_(snapshot),
        options_(options),
        reserve_("faasnap-pool", size, [this] { return prepare(); }) {}

  VM take() {
    auto prepared = reserve_.take();
    VM vm = prepared ? prepared->vm.start() : VM::restore(snapshot_, options_);
    ++(prepared ? prepared_ : unprepared_);
    return vm;
  }

  void wait_full() { reserve_.wait_full(); }

  VmPoolStats stats() const {
    VmPoolStats stats;
    reserve_.for_each([&](const Entry& entry) {
      ++stats.ready;
      stats.memory += entry.memory;
    });
    stats.prepared = prepared_;
    stats.unprepared = unprepared_;
    auto failures = reserve_.failures();
    stats.failures = failures.count;
    stats.last_failure = std::move(failures.last);
    return stats;
  }

 private:
  struct Entry {
    PreparedVM vm;
    Bytes memory;  // does not change while it waits
  };

  Entry prepare() const {
    PreparedVM vm = VM::prepare(snapshot_, options_);
    const Bytes memory = vm.memory();
    return {std::move(vm), memory};
  }

  const Snapshot snapshot_;
  const RestoreOptions options_;
  std::atomic<std::uint64_t> prepared_ = 0;
  std::atomic<std::uint64_t> unprepared_ = 0;
  base::Reserve<Entry> reserve_;
};

VmPool::VmPool(const Snapshot& snapshot, const RestoreOptions& options, std::size_t size) {
  const auto reject = [](const char* reason) {
    base::fail(ErrorKind::invalid_argument, "make pool of virtual machines", {}, reason);
  };
  if (size == 0) {
    reject("size is 0, expected at least 1");
  }
  if (!options.attachments.vsock_socket.empty()) {
    reject("vsock_socket is set, but VMs cannot share it");
  }
  if (options.attachments.network) {
    reject("network is set, but VMs cannot share it");
  }
  impl_ = std::make_unique<Impl>(snapshot, options, size);
}

VmPool::~VmPool() = default;

VM VmPool::take() { return impl_->take(); }
void VmPool::wait_full() { impl_->wait_full(); }
VmPoolStats VmPool::stats() const { return impl_->stats(); }

}  // namespace faasnap
