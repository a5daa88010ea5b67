// SPDX-License-Identifier: Apache-2.0

#include "uring/ring.h"

#include <fmt/format.h>
#include <liburing.h>
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "base/error.h"

namespace faasnap::uring {
namespace {

// Returns the sysctl that forbids io_uring (Linux 6.6 and newer), or -1 if there is none.
int disabled_sysctl() {
  std::ifstream file("/proc/sys/kernel/io_uring_disabled");
  int value = -1;
  file >> value;
  return file ? value : -1;
}

std::string explain(int error_number) {
  switch (error_number) {
    case ENOSYS:
      return "the kernel is built without io_uring, or a seccomp filter hides it";
    case EPERM:
    case EACCES:
      if (const int value = disabled_sysctl(); value > 0) {
        return fmt::format("forbidden by sysctl kernel.io_uring_disabled={}; set it to 0", value);
      }
      return "forbidden, probably by a seccomp filter of the container";
    case ENOMEM:
      return "out of locked memory; raise RLIMIT_MEMLOCK";
    default:
      return std::strerror(error_number);
  }
}

// Returns an errno value, or 0.
int setup_ring(io_uring& ring, unsigned entries) noexcept {
  return -io_uring_queue_init(entries, &ring, 0);
}

bool supports_reads(io_uring& ring) noexcept {
  io_uring_probe* probe = io_uring_get_probe_ring(&ring);
  if (probe == nullptr) {
    return false;
  }
  const bool supported = io_uring_opcode_supported(probe, IORING_OP_READ) != 0 &&
                         io_uring_opcode_supported(probe, IORING_OP_READV) != 0;
  io_uring_free_probe(probe);
  return supported;
}

std::uint32_t checked_length(std::size_t length) {
  // The kernel reads at most this much per request, and the result in a completion is 32-bit
  // signed.
  constexpr std::size_t kMaximumLength = 1U << 30;
  if (length > kMaximumLength) {
    base::fail(ErrorKind::invalid_argument, "prepare io_uring read", {},
               fmt::format("read of {} bytes, expected at most {} bytes", length, kMaximumLength));
  }
  return static_cast<std::uint32_t>(length);
}

}  // namespace

Availability available() {
  io_uring ring{};
  if (const int error_number = setup_ring(ring, 1); error_number != 0) {
    return {false, explain(error_number)};
  }
  const bool usable = supports_reads(ring);
  io_uring_queue_exit(&ring);
  return usable ? Availability{true, {}}
                : Availability{false,
                               "the kernel's io_uring cannot read files; Linux 5.6 is required"};
}

Ring::Ring(unsigned entries) : ring_(std::make_unique<io_uring>()) {
  if (entries == 0 || entries > kMaximumEntries) {
    base::fail(ErrorKind::invalid_argument, "set up io_uring", {},
               fmt::format("{} entries, expected 1 to {}", entries, kMaximumEntries));
  }
  if (const int error_number = setup_ring(*ring_, entries); error_number != 0) {
    const bool refused = error_number == ENOSYS || error_number == EPERM || error_number == EACCES;
    if (refused) {
      base::fail(ErrorKind::unsupported, "set up io_uring", {}, explain(error_number));
    }
    base::fail_errno("set up io_uring", {}, error_number);
  }
  capacity_ = ring_->sq.ring_entries;
}

Ring::~Ring() {
  // The kernel writes into the buffers of outstanding requests even after the ring is closed; only
  // their completions end that.
  unsigned under_way = outstanding_ + cancellations_ - io_uring_sq_ready(ring_.get());
  while (under_way > 0) {
    io_uring_cqe* entry = nullptr;
    const int result = io_uring_wait_cqe(ring_.get(), &entry);
    if (result == 0) {
      io_uring_cqe_seen(ring_.get(), entry);
      --under_way;
    } else if (result != -EINTR && result != -EAGAIN) {
      break;
    }
  }
  io_uring_queue_exit(ring_.get());
}

io_uring_sqe* Ring::next_entry() noexcept {
  io_uring_sqe* entry = outstanding_ < capacity_ ? io_uring_get_sqe(ring_.get()) : nullptr;
  outstanding_ += entry != nullptr;
  return entry;
}

bool Ring::prepare_read(const base::UniqueFd& fd, std::span<std::byte> buffer, std::uint64_t offset,
                        std::uint64_t user_data) {
  const std::uint32_t length = checked_length(buffer.size());
  io_uring_sqe* entry = next_entry();
  if (entry == nullptr) {
    return false;
  }
  io_uring_prep_read(entry, fd.get(), buffer.data(), length, offset);
  entry->user_data = user_data;
  return true;
}

bool Ring::prepare_readv(const base::UniqueFd& fd, std::span<const iovec> pieces,
                         std::uint64_t offset, std::uint64_t user_data) {
  io_uring_sqe* entry = next_entry();
  if (entry == nullptr) {
    return false;
  }
  io_uring_prep_readv(entry, fd.get(), pieces.data(), static_cast<unsigned>(pieces.size()), offset);
  entry->user_data = user_data;
  return true;
}

bool Ring::prepare_populate(std::span<std::byte> mapped, std::uint64_t user_data) {
  const std::uint32_t length = checked_length(mapped.size());
  io_uring_sqe* entry = next_entry();
  if (entry == nullptr) {
    return false;
  }
  io_uring_prep_madvise(entry, mapped.data(), static_cast<off_t>(length), MADV_POPULATE_READ);
  entry->user_data = user_data;
  return true;
}

void Ring::cancel(std::uint64_t user_data) {
  io_uring_sqe* entry = io_uring_get_sqe(ring_.get());
  if (entry == nullptr) {
    submit();
    entry = io_uring_get_sqe(ring_.get());
  }
  io_uring_prep_cancel64(entry, user_data, 0);
  entry->user_data = kCancellation;
  ++cancellations_;
  submit();
}

void Ring::submit() { submit_and_wait(0); }

void Ring::submit_and_wait(unsigned count) {
  for (;;) {
    const int result = io_uring_submit_and_wait(ring_.get(), count);
    const bool retry = result == -EINTR || result == -EAGAIN || result == -EBUSY;
    if (result < 0 && !retry) {
      base::fail_errno("submit to io_uring", {}, -result);
    }
    if (io_uring_sq_ready(ring_.get()) == 0 && io_uring_cq_ready(ring_.get()) >= count) {
      return;
    }
  }
}

std::optional<Completion> Ring::take_completion() noexcept {
  io_uring_cqe* entry = nullptr;
  while (io_uring_peek_cqe(ring_.get(), &entry) == 0 && entry != nullptr) {
    const Completion completion{entry->user_data, entry->res};
    io_uring_cqe_seen(ring_.get(), entry);
    if (completion.user_data != kCancellation) {
      --outstanding_;
      return completion;
    }
    --cancellations_;
  }
  return std::nullopt;
}

void Ring::register_event(const base::EventFd& event) {
  if (const int result = io_uring_register_eventfd(ring_.get(), event.get()); result < 0) {
    base::fail_errno("register eventfd with io_uring", {}, -result);
  }
}

}  // namespace faasnap::uring
