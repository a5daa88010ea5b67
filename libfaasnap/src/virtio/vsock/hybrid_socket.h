// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <functional>
#include <map>

#include "base/files/fd.h"
#include "base/threads/event_loop.h"

namespace faasnap::virtio {

// The Unix socket through which other processes reach a guest's vsock ports
// (docs/reference/vsock.md). For the loop's thread only.
class HybridSocket {
 public:
  // Called when a client has asked for `guest_port`; `stream` is its connection, non-blocking.
  using Request = std::function<void(std::uint32_t guest_port, base::UniqueFd stream)>;

  // Maximum number of clients that have connected and not yet named a port; a further one replaces
  // the oldest.
  static constexpr std::size_t kMaximumPending = 64;

  // Serves the clients of `listener`, a non-blocking socket that listens. `loop` must outlive the
  // object.
  HybridSocket(base::EventLoop& loop, base::UniqueFd listener, Request on_request);
  ~HybridSocket();
  HybridSocket(const HybridSocket&) = delete;
  HybridSocket& operator=(const HybridSocket&) = delete;

 private:
  void accept_clients();
  void add_client(base::UniqueFd client);
  void on_client(std::uint64_t id, std::uint32_t events);

  base::EventLoop& loop_;
  Request on_request_;
  base::UniqueFd listener_;
  std::uint64_t next_id_ = 0;
  std::map<std::uint64_t, base::UniqueFd> pending_;  // in order of age
  base::Timer retry_;  // runs while a client cannot be accepted for want of a descriptor or memory
};

}  // namespace faasnap::virtio
