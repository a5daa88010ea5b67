// SPDX-License-Identifier: Apache-2.0

#ifndef FAASNAP_INIT_FD_H_
#define FAASNAP_INIT_FD_H_

#include <unistd.h>

#include <utility>

namespace faasnap::init {

// Owns a file descriptor.
class Fd {
 public:
  explicit Fd(int number = -1) noexcept : number_(number) {}
  Fd(Fd&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) {
      reset();
      number_ = std::exchange(other.number_, -1);
    }
    return *this;
  }
  ~Fd() { reset(); }

  int get() const noexcept { return number_; }
  bool is_open() const noexcept { return number_ >= 0; }
  void reset() noexcept {
    if (is_open()) {
      ::close(std::exchange(number_, -1));
    }
  }

 private:
  int number_;
};

}  // namespace faasnap::init

#endif  // FAASNAP_INIT_FD_H_
