// SPDX-License-Identifier: Apache-2.0

// A guest that sends anything to the network device, with any descriptors and registers, while the
// host sends frames, reads, breaks the stream and closes it.
#include <sys/socket.h>

#include <algorithm>
#include <array>

#include "hostile_driver.h"
#include "virtio/net/net_device.h"
#include "virtio/net/stream_backend.h"

namespace {

using namespace faasnap;

// The other end of the device's stream.
class Host {
 public:
  explicit Host(fuzz::DeviceWorld& world) : world_(world) {}

  std::unique_ptr<virtio::Device> make_device() {
    auto [theirs, ours] = base::make_stream_pair();
    base::set_non_blocking(ours);
    end_ = std::move(ours);
    return std::make_unique<virtio::NetDevice>(
        world_.loop, std::make_unique<virtio::StreamBackend>(std::move(theirs)),
        virtio::NetIdentity{.address = virtio::NetAddress{2, 0, 0, 0, 0, 1}}, world_.limits,
        LogSink{});
  }
  void step(fuzz::Input& input) {
    switch (input.byte() % 8) {
      case 0:
        end_.reset();
        return;
      case 1:
        send(std::vector<std::byte>(input.byte() % 8U, std::byte{input.byte()}));
        return;
      case 2:
      case 3: {
        std::array<std::byte, 4096> read{};
        while (::recv(end_.get(), read.data(), read.size(), MSG_DONTWAIT) > 0) {
        }
        return;
      }
      default: {
        const std::size_t length = 14 + input.byte() * 8U;
        std::vector<std::byte> frame(4 + length, std::byte{input.byte()});
        frame[0] = frame[1] = std::byte{0};
        frame[2] = static_cast<std::byte>(length >> 8);
        frame[3] = static_cast<std::byte>(length);
        send(frame);
      }
    }
  }

 private:
  void send(const std::vector<std::byte>& data) {
    [[maybe_unused]] const auto sent =
        ::send(end_.get(), data.data(), data.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  }

  fuzz::DeviceWorld& world_;
  base::UniqueFd end_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static fuzz::DeviceWorld world;
  Host host(world);
  fuzz::HostileDriver driver(
      world, fuzz::Input({data, size}), [&host] { return host.make_device(); },
      [](std::uint64_t address, fuzz::Input& input) {
        // A packet's header or a command.
        std::byte* const bytes = world.memory.host().data() + address;
        const bool command = input.rarely(4);
        std::fill_n(bytes, 12, std::byte{0});
        bytes[0] = std::byte{command ? std::uint8_t{3} : input.byte()};
        bytes[1] = std::byte{command ? std::uint8_t{0} : input.byte()};
      },
      [&host](fuzz::Input& input) { host.step(input); });
  driver.run();
  return 0;
}
