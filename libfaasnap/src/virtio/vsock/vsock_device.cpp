// SPDX-License-Identifier: Apache-2.0

#include "virtio/vsock/vsock_device.h"

#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

#include "base/clock.h"
#include "base/error.h"
#include "base/exception.h"
#include "base/random.h"

namespace faasnap::virtio {
namespace {

// In the order of VsockDevice's indices: to the guest, from the guest, events. The sizes bound the
// memory of the guest's driver, which keeps a buffer of about a page ready for each entry.
constexpr std::array<std::uint16_t, 3> kVsockQueueSizes{128, 128, 16};

constexpr std::uint64_t kFeatureStream = 1ULL << 0;

constexpr std::uint64_t kFirstGuestCid = 3;
constexpr std::uint64_t kLastGuestCid = 0xffff'fffe;

// The first port of the host's end of connections that the host asks for, far above the ports that
// people choose.
constexpr std::uint32_t kFirstHostPort = 1U << 30;
constexpr std::uint32_t kHostPorts = 1U << 30;

// Limits how much the guest can fill the log.
constexpr unsigned kMaximumLogged = 64;

// Returns a random port in that range: a clone's connections must not collide with those that its
// guest remembers from before the snapshot.
std::uint32_t random_host_port() {
  return kFirstHostPort + base::random_value<std::uint32_t>() % kHostPorts;
}

}  // namespace

VsockDevice::VsockDevice(base::EventLoop& loop, std::uint32_t guest_cid, DeviceLimits& limits,
                         LogSink log)
    : loop_(loop),
      limits_(limits),
      log_(std::move(log)),
      last_host_port_(random_host_port()),
      again_(loop, [this] { work(); }),
      orphan_timer_(loop, [this] { drop_old_orphans(); }) {
  if (guest_cid < kFirstGuestCid || guest_cid > kLastGuestCid) {
    base::fail(ErrorKind::invalid_argument, "create vsock device", {},
               fmt::format("guest CID is {}, expected {} to {}", guest_cid, kFirstGuestCid,
                           kLastGuestCid));
  }
  const std::uint64_t cid = guest_cid;
  std::memcpy(config_.data(), &cid, sizeof(cid));
}

VsockDevice::~VsockDevice() {
  for (auto& [ports, entry] : connections_) {
    entry.done = nullptr;
  }
  reset();
  for (auto orphan = orphans_.begin(); orphan != orphans_.end();) {
    orphan = drop_orphan(orphan);
  }
}

std::uint64_t VsockDevice::features() const noexcept { return kFeatureStream; }

std::span<const std::uint16_t> VsockDevice::queue_sizes() const noexcept {
  return kVsockQueueSizes;
}

std::uint64_t VsockDevice::guest_cid() const noexcept {
  std::uint64_t cid = 0;
  std::memcpy(&cid, config_.data(), sizeof(cid));
  return cid;
}

void VsockDevice::activate(std::span<Queue> queues, std::uint64_t, Activation activation) {
  queues_ = queues;
  drained_ = false;
  const bool tell = activation == Activation::restored && queues[kEventQueue].in_use();
  reset_event_ = tell ? ResetEvent::due : ResetEvent::none;
}

void VsockDevice::notify() { work(); }

void VsockDevice::drain() { drained_ = true; }

void VsockDevice::resume() { drained_ = false; }

void VsockDevice::reset() noexcept {
  if (queues_.empty()) {
    return;
  }
  again_.cancel();
  queues_ = {};
  forget_all();
}

void VsockDevice::close() noexcept {
  closed_ = true;
  forget_all();
}

void VsockDevice::save(base::ByteWriter& state) const { state.put(guest_cid()); }

void VsockDevice::restore(base::ByteReader& state) {
  const auto cid = state.get<std::uint64_t>();
  if (cid < kFirstGuestCid || cid > kLastGuestCid) {
    state.reject(
        fmt::format("guest CID is {}, expected {} to {}", cid, kFirstGuestCid, kLastGuestCid));
  }
  std::memcpy(config_.data(), &cid, sizeof(cid));
}

void VsockDevice::connect(std::uint32_t guest_port, base::UniqueFd stream, Connected done) {
  start_connect(guest_port, std::move(stream), std::move(done), false);
}

void VsockDevice::listen(std::uint32_t host_port, Accept accept) {
  if (accept) {
    listeners_[host_port] = std::move(accept);
  } else {
    listeners_.erase(host_port);
  }
}

void VsockDevice::serve(base::UniqueFd listener, ConnectOutside connect) {
  connect_outside_ = std::move(connect);
  socket_ = std::make_unique<HybridSocket>(
      loop_, std::move(listener), [this](std::uint32_t guest_port, base::UniqueFd stream) {
        try {
          start_connect(guest_port, std::move(stream), {}, true);
        } catch (const Error& error) {
          log(fmt::format("vsock: refused a connection: {}", error.what()));
        }
      });
}

void VsockDevice::start_connect(std::uint32_t guest_port, base::UniqueFd stream, Connected done,
                                bool greet) {
  if (queues_.empty() || closed_) {
    stream.reset();
    answer(done, false);
    return;
  }
  if (!make_room()) {
    base::fail(ErrorKind::limit, "connect to guest", {}, too_many());
  }
  const PortPair ports{.host = allocate_host_port(), .guest = guest_port};
  const std::string greeting = greet ? fmt::format("OK {}\n", ports.host) : "";
  base::set_non_blocking(stream);
  add(Connection::outgoing(ports, std::move(stream), greeting), std::move(done));
  work();
}

std::uint32_t VsockDevice::allocate_host_port() {
  // This ends because there are far more ports than connections and listeners.
  while (true) {
    last_host_port_ = kFirstHostPort + (last_host_port_ + 1 - kFirstHostPort) % kHostPorts;
    const auto next = connections_.lower_bound({.host = last_host_port_, .guest = 0});
    const bool taken = next != connections_.end() && next->first.host == last_host_port_;
    if (!taken && !listeners_.contains(last_host_port_)) {
      return last_host_port_;
    }
  }
}

// Returns true if there is room for one more connection. If need be, drops one that the guest has
// ended and the host has not read, or one that the host has closed and the guest has not finished.
bool VsockDevice::make_room() {
  if (connections() < limits_.allowed.connections) {
    return true;
  }
  if (!orphans_.empty()) {
    drop_orphan(orphans_.begin());
    ++limits_.dropped_connections;
    return true;
  }
  const auto closed = std::find_if(connections_.begin(), connections_.end(), [](const auto& item) {
    return item.second.connection.stream_done();
  });
  if (closed == connections_.end()) {
    ++limits_.refused_connections;
    return false;
  }
  queue_reset(closed->first);
  forget(closed);
  return true;
}

std::string VsockDevice::too_many() const {
  return fmt::format("{} vsock connections exist, as many as GuestLimits::connections allows",
                     limits_.allowed.connections);
}

void VsockDevice::add(Connection connection, Connected done) {
  const PortPair ports = connection.ports();
  const int fd = connection.stream().get();
  const std::uint32_t events = connection.wanted_events();
  loop_.watch(fd, events, [this, ports](std::uint32_t seen) { on_stream(ports, seen); });
  const auto added =
      connections_.emplace(ports, Entry{std::move(connection), std::move(done), events, false});
  settle(added.first->second);
}

// Must be called after any change to what a connection waits for or has to send.
void VsockDevice::settle(Entry& entry) {
  Connection& connection = entry.connection;
  if (connection.stream() && connection.stream_done()) {
    loop_.unwatch(connection.stream().get());
    connection.close_stream();
  }
  if (connection.stream() && connection.wanted_events() != entry.watched) {
    entry.watched = connection.wanted_events();
    loop_.modify(connection.stream().get(), entry.watched);
  }
  if (!entry.queued && connection.has_packet()) {
    entry.queued = true;
    ready_.push_back(connection.ports());
  }
}

// Removes the connection at once. If it waited for the guest's answer, that has been delivered.
void VsockDevice::forget(Entries::iterator entry) {
  if (entry->second.connection.stream()) {
    loop_.unwatch(entry->second.connection.stream().get());
  }
  if (entry->second.queued) {
    std::erase(ready_, entry->first);
  }
  Connected done = std::move(entry->second.done);
  connections_.erase(entry);
  answer(done, false);
}

void VsockDevice::forget_all() noexcept {
  while (!connections_.empty()) {
    forget(connections_.begin());
  }
  ready_.clear();
  resets_.clear();
  for (auto& [ports, request] : asked_) {
    request.reset();
  }
}

// Removes a connection that the guest has ended. The data that it sent before still reach the host.
void VsockDevice::end(Entries::iterator entry, bool flush_rest) {
  Connection& connection = entry->second.connection;
  const bool established = connection.state() == Connection::State::established;
  if (flush_rest && established && connection.stream() && connection.buffered() != 0) {
    loop_.unwatch(connection.stream().get());
    adopt_orphan(std::move(connection));
  }
  forget(entry);
}

void VsockDevice::adopt_orphan(Connection connection) {
  // Nobody reads what the host writes from now on, so its writes must fail rather than wait.
  ::shutdown(connection.stream().get(), SHUT_RD);
  const std::uint64_t id = next_orphan_++;
  const int fd = connection.stream().get();
  const std::uint32_t events = connection.wanted_events();
  try {
    loop_.watch(fd, events, [this, id](std::uint32_t seen) { on_orphan(id, seen); });
  } catch (const Error& error) {
    log(fmt::format("vsock: dropped {} bytes of a connection: {}", connection.buffered(),
                    error.what()));
    return;
  }
  const Nanoseconds patience = limits_.allowed.unread_data;
  orphans_.emplace(id, Orphan{std::move(connection), base::from_now(patience)});
  if (!orphan_timer_.running()) {
    orphan_timer_.start(patience);
  }
}

VsockDevice::Orphans::iterator VsockDevice::drop_orphan(Orphans::iterator orphan) noexcept {
  loop_.unwatch(orphan->second.connection.stream().get());
  return orphans_.erase(orphan);
}

void VsockDevice::drop_orphans_of(PortPair ports) noexcept {
  for (auto orphan = orphans_.begin(); orphan != orphans_.end();) {
    orphan = orphan->second.connection.ports() == ports ? drop_orphan(orphan) : std::next(orphan);
  }
}

void VsockDevice::drop_old_orphans() {
  const Nanoseconds now = base::monotonic_now();
  Nanoseconds next = kForever;
  for (auto orphan = orphans_.begin(); orphan != orphans_.end();) {
    if (orphan->second.deadline <= now) {
      log(fmt::format("vsock: dropped {} bytes of a connection that the host does not read",
                      orphan->second.connection.buffered()));
      orphan = drop_orphan(orphan);
      ++limits_.dropped_connections;
    } else {
      next = std::min(next, orphan->second.deadline - now);
      ++orphan;
    }
  }
  if (next != kForever) {
    orphan_timer_.start(next);
  }
}

void VsockDevice::on_stream(PortPair ports, std::uint32_t events) {
  const auto entry = connections_.find(ports);
  if (entry == connections_.end()) {
    return;
  }
  if (entry->second.connection.on_stream_events(events)) {
    settle(entry->second);
  } else {
    if (entry->second.connection.known_to_guest()) {
      queue_reset(ports);
    }
    forget(entry);
  }
  work();
}

void VsockDevice::on_orphan(std::uint64_t id, std::uint32_t events) {
  const auto orphan = orphans_.find(id);
  if (orphan == orphans_.end()) {
    return;
  }
  Connection& connection = orphan->second.connection;
  const std::size_t before = connection.buffered();
  connection.on_stream_events(events);
  if (connection.buffered() == 0) {
    drop_orphan(orphan);
  } else if (connection.buffered() < before) {
    orphan->second.deadline = base::from_now(limits_.allowed.unread_data);
  }
}

void VsockDevice::answer(Connected& done, bool accepted) noexcept {
  if (!done) {
    return;
  }
  try {
    std::exchange(done, nullptr)(accepted);
  } catch (...) {
    log(fmt::format("vsock: the callback of a connection failed: {}",
                    base::describe(std::current_exception())));
  }
}

void VsockDevice::log(const std::string& text) noexcept {
  if (!log_ || logged_ == kMaximumLogged) {
    return;
  }
  ++logged_;
  try {
    log_(LogLevel::warning, text);
  } catch (...) {
    // The device must not fail because a message cannot be delivered.
  }
}

}  // namespace faasnap::virtio
