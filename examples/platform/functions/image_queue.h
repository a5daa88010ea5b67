// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <condition_variable>
#include <deque>
#include <filesystem>
#include <functional>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>

#include "functions/function.h"
#include "functions/images.h"

namespace platform {

// What became of an image.
struct MadeImage {
  // Empty if it was not made.
  std::filesystem::path directory{};
  std::string failure{};
};

// Makes the images of archives one after the other, on a thread of its own, so that one that is
// slow or damaged holds up nothing else. Safe from any thread.
class ImageQueue {
 public:
  using Made = std::function<void(const Function& function, const MadeImage& image)>;

  // `made` is called on the queue's thread, and may throw: then the image is forgotten.
  ImageQueue(const Images& images, Made made);
  // Gives up the image that is being made, and those that wait, without a word to `made`.
  ~ImageQueue();

  void add(Function function);

 private:
  void work(const std::stop_token& stop);

  const Images& images_;
  const Made made_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<Function> waiting_;
  std::jthread thread_;
};

}  // namespace platform
