// SPDX-License-Identifier: Apache-2.0

#include "uring/ring.h"

#include <fmt/format.h>

#include <bit>

#include "base/error.h"
#include "uring/kernel_ring.h"
#include "uring/thread_ring.h"

namespace faasnap::uring {
namespace {

void check_entries(unsigned entries) {
  if (entries == 0 || entries > Ring::kMaximumEntries) {
    base::fail(ErrorKind::invalid_argument, "set up a queue of requests", {},
               fmt::format("{} entries, expected 1 to {}", entries, Ring::kMaximumEntries));
  }
}

void check_length(std::size_t length) {
  // The kernel reads at most this much per request, and the result in a completion is 32-bit
  // signed.
  constexpr std::size_t kMaximumLength = 1U << 30;
  if (length > kMaximumLength) {
    base::fail(ErrorKind::invalid_argument, "prepare read", {},
               fmt::format("read of {} bytes, expected at most {} bytes", length, kMaximumLength));
  }
}

}  // namespace

std::unique_ptr<Ring> Ring::make(unsigned entries) {
  check_entries(entries);
  auto ring = KernelRing::make_if_allowed(entries);
  return ring ? std::move(ring) : make_of_threads(entries);
}

std::unique_ptr<Ring> Ring::make_of_threads(unsigned entries) {
  check_entries(entries);
  return std::make_unique<ThreadRing>(std::bit_ceil(entries));
}

bool Ring::prepare_read(const base::UniqueFd& fd, std::span<std::byte> buffer, std::uint64_t offset,
                        std::uint64_t user_data) {
  check_length(buffer.size());
  return prepare({.operation = Operation::read,
                  .fd = &fd,
                  .bytes = buffer,
                  .offset = offset,
                  .user_data = user_data});
}

bool Ring::prepare_readv(const base::UniqueFd& fd, std::span<const iovec> pieces,
                         std::uint64_t offset, std::uint64_t user_data) {
  return prepare({.operation = Operation::readv,
                  .fd = &fd,
                  .pieces = pieces,
                  .offset = offset,
                  .user_data = user_data});
}

bool Ring::prepare_writev(const base::UniqueFd& fd, std::span<const iovec> pieces,
                          std::uint64_t offset, std::uint64_t user_data) {
  return prepare({.operation = Operation::writev,
                  .fd = &fd,
                  .pieces = pieces,
                  .offset = offset,
                  .user_data = user_data});
}

bool Ring::prepare_sync(const base::UniqueFd& fd, std::uint64_t user_data) {
  return prepare({.operation = Operation::sync, .fd = &fd, .user_data = user_data});
}

bool Ring::prepare_punch(const base::UniqueFd& fd, std::uint64_t offset, std::uint64_t length,
                         std::uint64_t user_data) {
  return prepare({.operation = Operation::punch,
                  .fd = &fd,
                  .offset = offset,
                  .length = length,
                  .user_data = user_data});
}

bool Ring::prepare_populate(std::span<std::byte> mapped, std::uint64_t user_data) {
  check_length(mapped.size());
  return prepare({.operation = Operation::populate, .bytes = mapped, .user_data = user_data});
}

bool Ring::prepare(const Request& request) {
  if (outstanding_ == capacity_) {
    return false;
  }
  queue(request);
  ++outstanding_;
  return true;
}

std::optional<Completion> Ring::take_completion() noexcept {
  const auto completion = next_completion();
  outstanding_ -= completion.has_value();
  return completion;
}

}  // namespace faasnap::uring
