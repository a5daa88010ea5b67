// SPDX-License-Identifier: Apache-2.0

#include "remote_disk/nbd_server.h"

#include <endian.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/nbd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <vector>

namespace faasnap::bench {
namespace {

// Longest request of any client (doc/proto.md, "Block size constraints").
constexpr std::uint32_t kLongest = 32 << 20;
constexpr std::size_t kRequestBytes = 28;
constexpr std::size_t kReplyBytes = 16;
// Errors of the protocol; the kernel's errno values are the same.
constexpr std::uint32_t kIoError = 5;
constexpr std::uint32_t kInvalid = 22;

bool receive(int socket, std::span<std::byte> out) {
  while (!out.empty()) {
    const ssize_t got = ::recv(socket, out.data(), out.size(), MSG_WAITALL);
    if (got > 0) {
      out = out.subspan(static_cast<std::size_t>(got));
    } else if (got == 0 || errno != EINTR) {
      return false;
    }
  }
  return true;
}

bool send_all(int socket, std::span<const std::byte> data) {
  while (!data.empty()) {
    const ssize_t sent = ::send(socket, data.data(), data.size(), MSG_NOSIGNAL);
    if (sent >= 0) {
      data = data.subspan(static_cast<std::size_t>(sent));
    } else if (errno != EINTR) {
      return false;
    }
  }
  return true;
}

template <typename Number>
Number load(std::span<const std::byte> bytes, std::size_t offset) {
  Number number;
  std::memcpy(&number, bytes.data() + offset, sizeof number);
  return number;
}

template <typename Number>
void store(std::span<std::byte> bytes, std::size_t offset, Number number) {
  std::memcpy(bytes.data() + offset, &number, sizeof number);
}

// Transfers the whole piece, with a call like pread or pwrite.
template <typename Call, typename Byte>
bool transfer(Call call, int file, std::span<Byte> piece, std::uint64_t offset) {
  while (!piece.empty()) {
    const ssize_t done = call(file, piece.data(), piece.size(), static_cast<off_t>(offset));
    if (done > 0) {
      piece = piece.subspan(static_cast<std::size_t>(done));
      offset += static_cast<std::uint64_t>(done);
    } else if (done == 0 || errno != EINTR) {
      return false;
    }
  }
  return true;
}

}  // namespace

NbdServer::NbdServer(tools::Descriptor file, std::uint64_t size, tools::Descriptor socket,
                     const LinkSpeed& speed)
    : file_(std::move(file)), size_(size), socket_(std::move(socket)), link_(speed) {
  taking_ = std::thread([this] { take_requests(); });
  answering_ = std::thread([this] { answer_reads(); });
  flushing_ = std::thread([this] { flush_file(); });
}

NbdServer::~NbdServer() {
  end();
  taking_.join();
  answering_.join();
  flushing_.join();
}

void NbdServer::wait() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return ended_; });
}

void NbdServer::end() noexcept {
  ::shutdown(socket_.get(), SHUT_RDWR);
  const std::lock_guard lock(mutex_);
  ended_ = true;
  changed_.notify_all();
}

void NbdServer::take_requests() noexcept {
  std::array<std::byte, kRequestBytes> head;
  while (receive(socket_.get(), head)) {
    Request request;
    // The upper half of the word has flags, none of which this server offers.
    request.command = be32toh(load<std::uint32_t>(head, 4));
    request.cookie = load<std::uint64_t>(head, 8);
    request.offset = be64toh(load<std::uint64_t>(head, 16));
    request.length = be32toh(load<std::uint32_t>(head, 24));
    if (be32toh(load<std::uint32_t>(head, 0)) != NBD_REQUEST_MAGIC || !take(request)) {
      break;
    }
  }
  end();
}

// Returns false if the connection has ended or cannot continue.
bool NbdServer::take(const Request& request) {
  const bool inside = request.length <= kLongest && request.offset <= size_ &&
                      request.length <= size_ - request.offset;
  switch (request.command) {
    case NBD_CMD_READ: {
      if (!inside) {
        return reply(request, kInvalid, {});
      }
      const auto time = link_.answer(Link::Clock::now(), request.length);
      fetch(request);
      const std::lock_guard lock(mutex_);
      due_.push_back({request, time});
      changed_.notify_all();
      return true;
    }
    case NBD_CMD_WRITE:
      // If the range is outside, the bytes that follow may or may not be data.
      return inside && write_file(request);
    case NBD_CMD_FLUSH: {
      const std::lock_guard lock(mutex_);
      flushes_.push_back(request);
      changed_.notify_all();
      return true;
    }
    case NBD_CMD_TRIM:
      return trim(request);
    case NBD_CMD_DISC:
      return false;
    default:
      return reply(request, kInvalid, {});
  }
}

bool NbdServer::write_file(const Request& request) {
  std::vector<std::byte> data(request.length);
  if (!receive(socket_.get(), data)) {
    return false;
  }
  const bool written =
      transfer(::pwrite, file_.get(), std::span<const std::byte>(data), request.offset);
  return reply(request, written ? 0 : kIoError, {});
}

// Starts read-ahead from the file's own disk while the request waits. If that fails, the data are
// read when they are due.
void NbdServer::fetch(const Request& request) noexcept {
  // A length of zero would mean up to the end.
  if (request.length != 0) {
    (void)::posix_fadvise(file_.get(), static_cast<off_t>(request.offset), request.length,
                          POSIX_FADV_WILLNEED);
  }
}

// A request without data may be longer than others.
bool NbdServer::trim(const Request& request) {
  if (request.length == 0 || request.offset > size_ || request.length > size_ - request.offset) {
    return reply(request, kInvalid, {});
  }
  const bool freed = ::fallocate(file_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                                 static_cast<off_t>(request.offset), request.length) == 0;
  // A file system without this call is not a disk error: trimmed blocks may keep their content.
  return reply(request, freed || errno == EOPNOTSUPP ? 0 : kIoError, {});
}

// Writes are complete before their replies, so a flush covers all writes that the client has seen
// complete.
void NbdServer::flush_file() noexcept {
  std::unique_lock lock(mutex_);
  while (!ended_) {
    if (flushes_.empty()) {
      changed_.wait(lock);
      continue;
    }
    const Request next = flushes_.front();
    flushes_.pop_front();
    lock.unlock();
    const bool answered = reply(next, ::fdatasync(file_.get()) == 0 ? 0 : kIoError, {});
    lock.lock();
    ended_ = ended_ || !answered;
  }
}

void NbdServer::answer_reads() noexcept {
  std::unique_lock lock(mutex_);
  while (!ended_) {
    if (due_.empty()) {
      changed_.wait(lock);
      continue;
    }
    // The link answers in order: no later request is due earlier.
    const Due next = due_.front();
    if (Link::Clock::now() < next.time) {
      changed_.wait_until(lock, next.time);
      continue;
    }
    due_.pop_front();
    lock.unlock();
    const bool answered = answer_read(next.request);
    lock.lock();
    ended_ = ended_ || !answered;
  }
}

bool NbdServer::answer_read(const Request& request) {
  std::vector<std::byte> data(request.length);
  if (!transfer(::pread, file_.get(), std::span(data), request.offset)) {
    return reply(request, kIoError, {});
  }
  ++requests_;
  bytes_ += request.length;
  return reply(request, 0, data);
}

bool NbdServer::reply(const Request& request, std::uint32_t error,
                      std::span<const std::byte> data) {
  std::array<std::byte, kReplyBytes> head;
  store(head, 0, htobe32(NBD_REPLY_MAGIC));
  store(head, 4, htobe32(error));
  store(head, 8, request.cookie);
  const std::lock_guard lock(sending_);
  return send_all(socket_.get(), head) && send_all(socket_.get(), data);
}

}  // namespace faasnap::bench
