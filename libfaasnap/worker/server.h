// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "vm/local_vm.h"
#include "worker/channel.h"
#include "worker/protocol.h"

namespace faasnap::worker {

// The worker's side of the connection: makes the one VM of this process, and does with it what is
// asked. Calls that may wait for a guest or a disk run on threads of their own.
class Server {
 public:
  explicit Server(Channel& channel) noexcept : channel_(channel) {}

  // Answers calls until the other end closes the connection. Throws ErrorKind::corrupt if that
  // breaks the protocol.
  void run();

 private:
  using Body = std::vector<std::byte>;
  class Files;

  void take(Message message);
  void boot(Message& message);
  void restore(Message& message);
  Body start(const Message& message);
  void connect(Message message);
  void listen(const Message& message);
  Body capture(const Message& message);
  void serve_socket(const Sinks& sinks, Files& files);
  void connected(Message& message);
  VmStats stats() const;
  void report_end();
  // Adds the callbacks that send events.
  void attach(VmAttachments& attachments, const Sinks& sinks);
  LocalVm& vm() const;

  void answer(std::uint64_t call, const std::function<Body()>& make);
  void answer_later(Message message, std::function<Body(const Message&)> make);
  void fail(std::uint64_t call, const std::exception_ptr& failure);
  void send(Kind kind, std::uint64_t call, std::span<const std::byte> body,
            std::span<const int> files = {});

  Channel& channel_;
  std::unique_ptr<LocalVm> vm_;
  // Time from the caller's request for a restore to its arrival here.
  std::atomic<Nanoseconds::rep> delay_{0};
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::uint64_t, bool> goes_on_;  // answers to `progress`, by call
  // What waits for `connected`, by number.
  std::map<std::uint64_t, virtio::VsockDevice::Accept> outside_;
  std::uint64_t last_outside_ = 0;
};

}  // namespace faasnap::worker
