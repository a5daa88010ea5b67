// SPDX-License-Identifier: Apache-2.0

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

// The guest's driver of a socket device: keeps buffers in the queues and moves packets. The test
// decides their content.
class FakeGuest {
 public:
  // Number and size of the buffers for packets to the guest.
  struct Shape {
    unsigned receive_buffers = 64;
    std::uint32_t receive_size = 4096;
    unsigned event_buffers = 8;
    // The device's limits.
    unsigned connections = 256;
    Nanoseconds unread_data = GuestLimits().unread_data;
  };

  FakeGuest() : FakeGuest(Shape{}) {}
  explicit FakeGuest(Shape shape);
  ~FakeGuest();

  // Starts the driver and fills the queues.
  void start();
  // Becomes the clone of `saved`, with its memory, its device state and its driver.
  void restore_from(FakeGuest& saved);

  // Returns a packet from `guest_port` to the host's `host_port`, with valid values in all other
  // fields.
  PacketHeader packet(PacketOperation operation, std::uint32_t host_port,
                      std::uint32_t guest_port) const;
  void send(const PacketHeader& header, std::span<const std::byte> data = {});
  // Sends with `length` claimed instead of the true size.
  void send_lying(PacketHeader header, std::uint32_t length, std::span<const std::byte> data);
  // Takes what the device has sent and gives it new buffers.
  void collect();
  std::optional<Packet> poll();
  // Returns the next packet; fails the test after ten seconds.
  Packet next();
  // Returns the next packet, which must be this one.
  PacketHeader expect(PacketOperation operation, std::uint32_t host_port, std::uint32_t guest_port);
  // True if the device sends nothing for a while.
  bool quiet();

  // Accepts the host's next connection, to `guest_port`. Returns the host's port.
  std::uint32_t accept(std::uint32_t guest_port);
  // Connects from the host to `guest_port`, which the guest accepts. Returns the host's end and the
  // host's port.
  std::pair<base::UniqueFd, std::uint32_t> connect_from_host(std::uint32_t guest_port);
  // Starts a connection from the host. Holds the host's end and the answer.
  struct Attempt {
    base::UniqueFd end;
    std::shared_ptr<std::atomic<int>> answer;  // -1 none, 0 refused, 1 accepted
  };
  Attempt start_connect(std::uint32_t guest_port);

  // Returns the number of event buffers that the device has returned; gives them back if `recycle`.
  unsigned take_events(bool recycle);

  World world;
  Shape shape;
  VsockDevice* device;  // the driver's transport owns it
  FakeDriver driver;
  // The size of the buffer that the guest announces.
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

// Helpers of the host's side: blocking, with a limit of ten seconds.
std::vector<std::byte> read_exactly(const base::UniqueFd& fd, std::size_t size);
void write_all(const base::UniqueFd& fd, std::span<const std::byte> data);
bool reaches_end(const base::UniqueFd& fd);

}  // namespace faasnap::virtio::test
