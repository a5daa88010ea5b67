// SPDX-License-Identifier: Apache-2.0

#include "functions/image_queue.h"

#include "base/log.h"

namespace platform {

ImageQueue::ImageQueue(const Images& images, Made made)
    : images_(images),
      made_(std::move(made)),
      thread_([this](const std::stop_token& stop) { work(stop); }) {}

ImageQueue::~ImageQueue() = default;

void ImageQueue::add(Function function) {
  const std::lock_guard lock(mutex_);
  waiting_.push_back(std::move(function));
  changed_.notify_one();
}

void ImageQueue::work(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (changed_.wait(lock, stop, [this] { return !waiting_.empty(); })) {
    if (stop.stop_requested()) {
      return;
    }
    const Function function = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    MadeImage image;
    try {
      image.directory = images_.make(function, stop);
    } catch (const std::exception& error) {
      image.failure = error.what();
    }
    // What ends because the platform ends is made after its next start.
    if (!stop.stop_requested()) {
      try {
        made_(function, image);
      } catch (const std::exception& error) {
        log(LogLevel::error, function.name + ": " + error.what());
      }
    }
    lock.lock();
  }
}

}  // namespace platform
