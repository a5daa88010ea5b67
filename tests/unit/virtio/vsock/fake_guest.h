#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "virtio/fake_driver.h"
#include "virtio/vsock/packet.h"
#include "virtio/vsock/vsock_device.h"

namespace faasnap::virtio::test {

inline constexpr std::uint32_t kCid = 42;

struct Packet {
  PacketHeader header;
  std::vector<std::byte> data;
};

// The guest's driver of a socket device: keeps buffers in the queues, and moves packets. What they
// say is the test's business.
class FakeGuest {
 public:
  // Buffers for packets to the guest: how many, and of what size.
  struct Shape {
    unsigned receive_buffers = 64;
    std::uint32_t receive_size = 4096;
    unsigned event_buffers = 8;
  };

  FakeGuest() : FakeGuest(Shape{}) {}
  explicit FakeGuest(Shape shape);
  ~FakeGuest();

  // Starts the driver and fills the queues.
  void start();
  // Becomes the clone of `saved`: its memory, its device state and its driver.
  void restore_from(FakeGuest& saved);

  // A packet from `guest_port` to the host's `host_port`, everything else as it should be.
  PacketHeader packet(PacketOperation operation, std::uint32_t host_port,
                      std::uint32_t guest_port) const;
  void send(const PacketHeader& header, std::span<const std::byte> data = {});
  // Sends with `length` claimed in place of the true size.
  void send_lying(PacketHeader header, std::uint32_t length, std::span<const std::byte> data);
  // Takes what the device has sent and gives it new buffers.
  void collect();
  std::optional<Packet> poll();
  // The next packet; a failed test after ten seconds.
  Packet next();
  // The next, which has to be this one.
  PacketHeader expect(PacketOperation operation, std::uint32_t host_port, std::uint32_t guest_port);
  // True when the device sends nothing for a while.
  bool quiet();

  // The guest accepts the host's next connection, to `guest_port`; the host's port.
  std::uint32_t accept(std::uint32_t guest_port);
  // The host connects to `guest_port` and the guest agrees: the host's end, and the host's port.
  std::pair<base::UniqueFd, std::uint32_t> connect_from_host(std::uint32_t guest_port);
  // Starts a connection from the host; the host's end, and whether and how it was answered.
  struct Attempt {
    base::UniqueFd end;
    std::shared_ptr<std::atomic<int>> answer;  // -1 none, 0 refused, 1 accepted
  };
  Attempt start_connect(std::uint32_t guest_port);

  // Event buffers that the device has returned, after giving them back if `recycle`.
  unsigned take_events(bool recycle);

  World world;
  Shape shape;
  VsockDevice* device;  // the driver's transport owns it
  FakeDriver driver;
  // What the guest tells of its buffers.
  std::uint32_t buffer_size = 256 << 10;
  std::uint32_t forwarded = 0;

 private:
  void transmit(const PacketHeader& header, std::span<const std::byte> data);
  void add_receive_buffer(GuestAddress address);

  std::vector<GuestAddress> receive_area_;   // by head
  std::vector<GuestAddress> event_area_;     // by head
  std::vector<GuestAddress> transmit_area_;  // by head
  std::vector<GuestAddress> transmit_free_;
  std::deque<Packet> received_;
};

// Host-side helpers: blocking, with a limit of ten seconds.
std::vector<std::byte> read_exactly(const base::UniqueFd& fd, std::size_t size);
void write_all(const base::UniqueFd& fd, std::span<const std::byte> data);
bool reaches_end(const base::UniqueFd& fd);

}  // namespace faasnap::virtio::test
