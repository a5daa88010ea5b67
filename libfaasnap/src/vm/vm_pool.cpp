// SPDX-License-Identifier: Apache-2.0

#include <faasnap/vm_pool.h>

#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <optional>
#include <thread>

#include <faasnap/snapshot.h>

#include "base/error.h"
#include "base/exception.h"
#include "base/threads/thread.h"

namespace faasnap {

class VmPool::Impl {
 public:
  Impl(const Snapshot& snapshot, const RestoreOptions& options, std::size_t size)
      : snapshot_(snapshot), options_(options), size_(size) {
    thread_ = base::start_thread("faasnap-pool", [this] { refill(); });
  }

  ~Impl() {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

  VM take() {
    auto prepared = take_prepared();
    VM vm = prepared ? prepared->start() : VM::restore(snapshot_, options_);
    const std::lock_guard lock(mutex_);
    ++(prepared ? stats_.prepared : stats_.unprepared);
    return vm;
  }

  void wait_full() {
    std::unique_lock lock(mutex_);
    try_again();
    changed_.wait(lock, [&] { return ready_.size() == size_ || failure_; });
    if (ready_.size() != size_) {
      std::rethrow_exception(failure_);
    }
  }

  VmPoolStats stats() const {
    const std::lock_guard lock(mutex_);
    VmPoolStats stats = stats_;
    stats.ready = ready_.size();
    for (const Entry& entry : ready_) {
      stats.memory += entry.memory;
    }
    return stats;
  }

 private:
  struct Entry {
    PreparedVM vm;
    Bytes memory;  // does not change while it waits
  };

  std::optional<PreparedVM> take_prepared() {
    const std::lock_guard lock(mutex_);
    try_again();
    if (ready_.empty()) {
      return std::nullopt;
    }
    PreparedVM vm = std::move(ready_.front().vm);
    ready_.pop_front();
    return vm;
  }

  // A caller wants a VM: clears the failure so that the refill thread retries. Needs the mutex.
  void try_again() {
    failure_ = nullptr;
    changed_.notify_all();
  }

  void refill() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [&] { return stop_ || (ready_.size() < size_ && !failure_); });
      if (stop_) {
        return;
      }
      lock.unlock();
      std::optional<Entry> made;
      std::exception_ptr failure;
      try {
        PreparedVM vm = VM::prepare(snapshot_, options_);
        const Bytes memory = vm.memory();
        made.emplace(Entry{std::move(vm), memory});
      } catch (...) {
        failure = std::current_exception();
      }
      lock.lock();
      add(std::move(made), failure);
    }
  }

  // Needs the mutex.
  void add(std::optional<Entry> made, const std::exception_ptr& failure) {
    if (made) {
      ready_.push_back(std::move(*made));
    } else {
      failure_ = failure;
      ++stats_.failures;
      stats_.last_failure = base::describe(failure);
    }
    changed_.notify_all();
  }

  const Snapshot snapshot_;
  const RestoreOptions options_;
  const std::size_t size_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool stop_ = false;
  std::deque<Entry> ready_;
  VmPoolStats stats_;  // without what `ready_` says
  // The failure of the last preparation; cleared when a caller asks for a VM.
  std::exception_ptr failure_;
  std::thread thread_;
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
  impl_ = std::make_unique<Impl>(snapshot, options, size);
}

VmPool::~VmPool() = default;

VM VmPool::take() { return impl_->take(); }
void VmPool::wait_full() { impl_->wait_full(); }
VmPoolStats VmPool::stats() const { return impl_->stats(); }

}  // namespace faasnap
