// SPDX-License-Identifier: Apache-2.0

#include "uring/thread_ring.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/error.h"
#include "base/threads/thread.h"

namespace faasnap::uring {

ThreadRing::ThreadRing(unsigned capacity) { set_capacity(capacity); }

ThreadRing::~ThreadRing() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    waiting_.clear();
  }
  submitted_.notify_all();
  for (std::thread& thread : threads_) {
    thread.join();
  }
}

void ThreadRing::submit_and_wait(unsigned count) {
  std::unique_lock lock(mutex_);
  waiting_.insert(waiting_.end(), queued_.begin(), queued_.end());
  queued_.clear();
  if (!waiting_.empty()) {
    const std::size_t wanted = waiting_.size() > idle_ ? waiting_.size() - idle_ : 0;
    lock.unlock();
    submitted_.notify_all();
    start_threads(wanted);
    lock.lock();
  }
  while (threads_.empty() && !waiting_.empty()) {
    work_off_one(lock);
  }
  completed_.wait(lock, [&] { return done_.size() >= count; });
}

// Fewer threads than wanted do the same work, only later.
void ThreadRing::start_threads(std::size_t wanted) {
  for (; wanted != 0 && threads_.size() < std::min(kMostThreads, capacity()); --wanted) {
    try {
      threads_.push_back(base::start_thread("faasnap-read", [this] { work(); }));
    } catch (const Error&) {
      return;
    }
  }
}

void ThreadRing::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    ++idle_;
    submitted_.wait(lock, [&] { return stopping_ || !waiting_.empty(); });
    --idle_;
    if (waiting_.empty()) {
      return;
    }
    work_off_one(lock);
  }
}

void ThreadRing::work_off_one(std::unique_lock<std::mutex>& lock) {
  const Request request = waiting_.front();
  waiting_.pop_front();
  lock.unlock();
  const Completion completion{request.user_data, carry_out(request)};
  lock.lock();
  complete(completion);
}

void ThreadRing::complete(const Completion& completion) {
  done_.push_back(completion);
  completed_.notify_one();
  if (event_ != nullptr) {
    event_->signal();
  }
}

// What a thread has begun, it ends.
void ThreadRing::cancel(std::uint64_t user_data) {
  {
    const std::lock_guard lock(mutex_);
    waiting_.insert(waiting_.end(), queued_.begin(), queued_.end());
    queued_.clear();
    for (auto request = waiting_.begin(); request != waiting_.end();) {
      if (request->user_data != user_data) {
        ++request;
        continue;
      }
      request = waiting_.erase(request);
      complete({user_data, -ECANCELED});
    }
  }
  submit();
}

std::int32_t ThreadRing::carry_out(const Request& request) noexcept {
  ssize_t result = -1;
  switch (request.operation) {
    case Operation::read:
      result = ::pread(request.fd->get(), request.bytes.data(), request.bytes.size(),
                       static_cast<off_t>(request.offset));
      break;
    case Operation::readv:
      // Reads whose content nobody looks at have the same memory, which the thread sanitizer would
      // report of preadv.
      result =
          ::preadv2(request.fd->get(), request.pieces.data(),
                    static_cast<int>(request.pieces.size()), static_cast<off_t>(request.offset), 0);
      break;
    case Operation::writev:
      result = ::pwritev2(request.fd->get(), request.pieces.data(),
                          static_cast<int>(request.pieces.size()),
                          static_cast<off_t>(request.offset), 0);
      break;
    case Operation::sync:
      result = ::fdatasync(request.fd->get());
      break;
    case Operation::punch:
      result = ::fallocate(request.fd->get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                           static_cast<off_t>(request.offset), static_cast<off_t>(request.length));
      break;
    case Operation::populate:
      result = ::madvise(request.bytes.data(), request.bytes.size(), MADV_POPULATE_READ);
      break;
  }
  return result < 0 ? -errno : static_cast<std::int32_t>(result);
}

std::optional<Completion> ThreadRing::next_completion() noexcept {
  const std::lock_guard lock(mutex_);
  if (done_.empty()) {
    return std::nullopt;
  }
  const Completion completion = done_.front();
  done_.pop_front();
  return completion;
}

void ThreadRing::register_event(const base::EventFd& event) {
  const std::lock_guard lock(mutex_);
  event_ = &event;
}

}  // namespace faasnap::uring
