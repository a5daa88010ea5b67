// SPDX-License-Identifier: Apache-2.0

#include <faasnap/worker_pool.h>

#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <thread>

#include "base/error.h"
#include "base/threads/thread.h"
#include "worker/worker_source.h"

namespace faasnap {

class WorkerPool::Impl {
 public:
  Impl(WorkerOptions options, std::size_t size) : options_(std::move(options)), size_(size) {
    options_.pool = nullptr;
    thread_ = base::start_thread("faasnap-workers", [this] { refill(); });
  }

  ~Impl() {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

  // Returns null if none waits.
  std::unique_ptr<worker::Client> take() {
    const std::lock_guard lock(mutex_);
    try_again();
    while (!ready_.empty()) {
      auto client = std::move(ready_.front());
      ready_.pop_front();
      if (client->alive()) {
        return client;
      }
    }
    return nullptr;
  }

  void wait_full() {
    std::unique_lock lock(mutex_);
    try_again();
    changed_.wait(lock, [&] { return ready_.size() == size_ || failure_; });
    if (ready_.size() != size_) {
      std::rethrow_exception(failure_);
    }
  }

  std::size_t ready() const {
    const std::lock_guard lock(mutex_);
    return ready_.size();
  }

 private:
  // Clears the failure so that the thread retries. Needs the mutex.
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
      std::unique_ptr<worker::Client> client;
      std::exception_ptr failure;
      try {
        client = std::make_unique<worker::Client>(options_);
      } catch (...) {
        failure = std::current_exception();
      }
      lock.lock();
      if (client) {
        ready_.push_back(std::move(client));
      }
      failure_ = failure;
      changed_.notify_all();
    }
  }

  WorkerOptions options_;
  const std::size_t size_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool stop_ = false;
  std::deque<std::unique_ptr<worker::Client>> ready_;
  // The failure of the last start; cleared when a caller asks for a worker.
  std::exception_ptr failure_;
  std::thread thread_;
};

WorkerPool::WorkerPool(const WorkerOptions& options, std::size_t size) {
  if (size == 0) {
    base::fail(ErrorKind::invalid_argument, "make pool of workers", {},
               "size is 0, expected at least 1");
  }
  impl_ = std::make_unique<Impl>(options, size);
}

WorkerPool::~WorkerPool() = default;

void WorkerPool::wait_full() { impl_->wait_full(); }
std::size_t WorkerPool::ready() const { return impl_->ready(); }

std::unique_ptr<worker::Client> WorkerSource::take(const WorkerOptions& options) {
  auto client = options.pool ? options.pool->impl_->take() : nullptr;
  return client ? std::move(client) : std::make_unique<worker::Client>(options);
}

}  // namespace faasnap
