// SPDX-License-Identifier: Apache-2.0

#include "uring/kernel_ring.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <liburing.h>
#include <linux/falloc.h>
#include <sys/mman.h>

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

bool forbidden(int error_number) noexcept {
  return error_number == ENOSYS || error_number == EPERM || error_number == EACCES;
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

std::unique_ptr<Ring> KernelRing::make_if_allowed(unsigned entries) {
  auto ring = std::make_unique<io_uring>();
  const int error_number = setup_ring(*ring, entries);
  if (forbidden(error_number)) {
    return nullptr;
  }
  if (error_number != 0) {
    base::fail_errno("set up io_uring", {}, error_number);
  }
  return std::unique_ptr<Ring>(new KernelRing(std::move(ring)));
}

KernelRing::KernelRing(std::unique_ptr<io_uring> ring) : ring_(std::move(ring)) {
  set_capacity(ring_->sq.ring_entries);
}

KernelRing::~KernelRing() {
  // The kernel writes into the buffers of outstanding requests even after the ring is closed; only
  // their completions end that.
  unsigned under_way = outstanding() + cancellations_ - io_uring_sq_ready(ring_.get());
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

void KernelRing::queue(const Request& request) {
  io_uring_sqe* entry = io_uring_get_sqe(ring_.get());
  if (entry == nullptr) {
    base::fail(ErrorKind::internal, "prepare io_uring request", {}, "the ring is full");
  }
  switch (request.operation) {
    case Operation::read:
      io_uring_prep_read(entry, request.fd->get(), request.bytes.data(),
                         static_cast<unsigned>(request.bytes.size()), request.offset);
      break;
    case Operation::readv:
      io_uring_prep_readv(entry, request.fd->get(), request.pieces.data(),
                          static_cast<unsigned>(request.pieces.size()), request.offset);
      break;
    case Operation::writev:
      io_uring_prep_writev(entry, request.fd->get(), request.pieces.data(),
                           static_cast<unsigned>(request.pieces.size()), request.offset);
      break;
    case Operation::sync:
      io_uring_prep_fsync(entry, request.fd->get(), IORING_FSYNC_DATASYNC);
      break;
    case Operation::punch:
      io_uring_prep_fallocate(entry, request.fd->get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                              static_cast<off_t>(request.offset),
                              static_cast<off_t>(request.length));
      break;
    case Operation::populate:
      io_uring_prep_madvise(entry, request.bytes.data(), static_cast<off_t>(request.bytes.size()),
                            MADV_POPULATE_READ);
      break;
  }
  entry->user_data = request.user_data;
}

void KernelRing::cancel(std::uint64_t user_data) {
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

void KernelRing::submit_and_wait(unsigned count) {
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

std::optional<Completion> KernelRing::next_completion() noexcept {
  io_uring_cqe* entry = nullptr;
  while (io_uring_peek_cqe(ring_.get(), &entry) == 0 && entry != nullptr) {
    const Completion completion{entry->user_data, entry->res};
    io_uring_cqe_seen(ring_.get(), entry);
    if (completion.user_data != kCancellation) {
      return completion;
    }
    --cancellations_;
  }
  return std::nullopt;
}

void KernelRing::register_event(const base::EventFd& event) {
  if (const int result = io_uring_register_eventfd(ring_.get(), event.get()); result < 0) {
    base::fail_errno("register eventfd with io_uring", {}, -result);
  }
}

}  // namespace faasnap::uring
