// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <span>
#include <thread>

#include "remote_disk/link.h"
#include "tools/descriptor.h"

namespace faasnap::bench {

// Serves a file as a block device over a stream socket: the transmission phase of the NBD protocol
// (doc/proto.md of NetworkBlockDevice/nbd) with the commands READ, WRITE, FLUSH, TRIM and DISC.
// Answers reads when the link allows it, and all else as soon as it is done. Has three threads of
// its own. Closes the connection of a client that violates the protocol.
//
// nbdkit cannot replace it: its rate filter limits bytes but not requests, its delay filter has a
// resolution of milliseconds, and neither counts the reads of an invocation.
class NbdServer {
 public:
  // `file` has `size` bytes.
  NbdServer(tools::Descriptor file, std::uint64_t size, tools::Descriptor socket,
            const LinkSpeed& speed);
  // Ends the connection, whatever is outstanding.
  ~NbdServer();
  NbdServer(const NbdServer&) = delete;
  NbdServer& operator=(const NbdServer&) = delete;

  // Returns when the connection has ended.
  void wait();

  // What has been read so far. May be called from any thread.
  struct Traffic {
    std::uint64_t requests = 0;
    std::uint64_t bytes = 0;
  };
  Traffic reads() const noexcept { return {requests_, bytes_}; }

 private:
  struct Request {
    std::uint32_t command = 0;
    std::uint64_t cookie = 0;  // as received
    std::uint64_t offset = 0;
    std::uint32_t length = 0;
  };
  struct Due {
    Request request;
    Link::Clock::time_point time;
  };

  void take_requests() noexcept;
  bool take(const Request& request);
  void answer_reads() noexcept;
  bool answer_read(const Request& request);
  void fetch(const Request& request) noexcept;
  bool write_file(const Request& request);
  bool trim(const Request& request);
  void flush_file() noexcept;
  bool reply(const Request& request, std::uint32_t error, std::span<const std::byte> data);
  void end() noexcept;

  tools::Descriptor file_;
  std::uint64_t size_;
  tools::Descriptor socket_;
  Link link_;  // for the thread that takes requests
  std::atomic<std::uint64_t> requests_{0};
  std::atomic<std::uint64_t> bytes_{0};

  std::mutex sending_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Due> due_;
  std::deque<Request> flushes_;
  bool ended_ = false;
  std::thread taking_;
  std::thread answering_;
  // A thread of its own, since a flush takes long and reads must not wait for it.
  std::thread flushing_;
};

}  // namespace faasnap::bench
