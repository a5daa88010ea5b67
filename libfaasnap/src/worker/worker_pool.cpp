// SPDX-License-Identifier: Apache-2.0

#include <faasnap/worker_pool.h>

#include <memory>
#include <utility>

#include "base/error.h"
#include "base/threads/reserve.h"
#include "worker/worker_source.h"

namespace faasnap {

class WorkerPool::Impl {
 public:
  Impl(WorkerOptions options, std::size_t size, bool replace)
      : reserve_(
            "faasnap-workers", size,
            [options = without_pool(std::move(options))] {
              return std::make_unique<worker::Client>(options);
            },
            replace) {}

  // Returns null if none waits.
  std::unique_ptr<worker::Client> take() {
    while (auto client = reserve_.take()) {
      if ((*client)->alive()) {
        return std::move(*client);
      }
    }
    return nullptr;
  }

  void wait_full() { reserve_.wait_full(); }
  std::size_t ready() const { return reserve_.ready(); }

 private:
  static WorkerOptions without_pool(WorkerOptions options) {
    options.pool = nullptr;
    return options;
  }

  base::Reserve<std::unique_ptr<worker::Client>> reserve_;
};

WorkerPool::WorkerPool(const WorkerOptions& options, std::size_t size, bool replace) {
  if (size == 0) {
    base::fail(ErrorKind::invalid_argument, "make pool of workers", {},
               "size is 0, expected at least 1");
  }
  impl_ = std::make_unique<Impl>(options, size, replace);
}

WorkerPool::~WorkerPool() = default;

void WorkerPool::wait_full() { impl_->wait_full(); }
std::size_t WorkerPool::ready() const { return impl_->ready(); }

std::unique_ptr<worker::Client> WorkerSource::take(const WorkerOptions& options) {
  auto client = options.pool ? options.pool->impl_->take() : nullptr;
  return client ? std::move(client) : std::make_unique<worker::Client>(options);
}

}  // namespace faasnap
