// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <memory>
#include <optional>

#include "uring/ring.h"

struct io_uring;

namespace faasnap::uring {

// A ring of the kernel's: io_uring(7).
class KernelRing final : public Ring {
 public:
  // Returns null if the kernel or a filter forbids io_uring, and throws if there is another reason
  // why it cannot be had.
  static std::unique_ptr<Ring> make_if_allowed(unsigned entries);
  ~KernelRing() override;

  void cancel(std::uint64_t user_data) override;
  void submit_and_wait(unsigned count) override;
  void register_event(const base::EventFd& event) override;
  bool of_threads() const noexcept override { return false; }

 private:
  explicit KernelRing(std::unique_ptr<io_uring> ring);
  void queue(const Request& request) override;
  std::optional<Completion> next_completion() noexcept override;

  std::unique_ptr<io_uring> ring_;
  unsigned cancellations_ = 0;  // started, and not completed
};

}  // namespace faasnap::uring
