// SPDX-License-Identifier: Apache-2.0

// A guest that says anything to the socket device, with any descriptors and registers, while the
// host connects, writes and closes. fuzz_vsock_packet goes further into the content of packets.
#include <sys/socket.h>

#include "hostile_driver.h"
#include "virtio/vsock/vsock_device.h"

namespace {

using namespace faasnap;

constexpr std::uint32_t kCid = 3;
constexpr std::size_t kConnections = fuzz::DeviceWorld::kConnections;

// The host's side: streams whose ends it keeps, writes to and closes.
class Host {
 public:
  explicit Host(fuzz::DeviceWorld& world) : world_(world) {}

  std::unique_ptr<virtio::Device> make_device() {
    auto device =
        std::make_unique<virtio::VsockDevice>(world_.loop, kCid, world_.limits, LogSink{});
    device_ = device.get();
    device_->listen(1, [this](base::UniqueFd end) { keep(std::move(end)); });
    return device;
  }
  void step(fuzz::Input& input) {
    switch (input.byte() % 4) {
      case 0: {
        auto [theirs, ours] = base::make_stream_pair();
        keep(std::move(ours));
        try {
          device_->connect(input.byte() % 4, std::move(theirs), {});
        } catch (const Error& error) {
          fuzz::require(error.kind() == ErrorKind::limit);
        }
        break;
      }
      case 1:
      case 2:
        if (!ends_.empty()) {
          const std::vector<std::byte> data(input.byte() * 64U);
          [[maybe_unused]] const auto sent =
              ::send(ends_[input.byte() % ends_.size()].get(), data.data(), data.size(),
                     MSG_NOSIGNAL | MSG_DONTWAIT);
        }
        return;
      default:
        if (!ends_.empty()) {
          ends_.erase(ends_.begin() + input.byte() % static_cast<std::ptrdiff_t>(ends_.size()));
        }
    }
    fuzz::require(device_->connections() <= kConnections);
  }

 private:
  void keep(base::UniqueFd end) {
    base::set_non_blocking(end);
    if (ends_.size() == 2 * kConnections) {
      ends_.erase(ends_.begin());
    }
    ends_.push_back(std::move(end));
  }

  fuzz::DeviceWorld& world_;
  virtio::VsockDevice* device_ = nullptr;
  std::vector<base::UniqueFd> ends_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static fuzz::DeviceWorld world;
  Host host(world);
  fuzz::HostileDriver driver(
      world, fuzz::Input({data, size}), [&host] { return host.make_device(); },
      [](std::uint64_t address, fuzz::Input& input) {
        virtio::PacketHeader header;
        header.source_cid = kCid;
        header.destination_cid = virtio::kHostCid;
        header.source_port = input.byte() % 4;
        header.destination_port = input.byte() % 4;
        header.length = input.rarely(8) ? input.word() : input.byte() * 4U;
        header.operation = static_cast<virtio::PacketOperation>(input.byte() % 9);
        header.flags = input.byte() % 4;
        header.buffer_size = input.byte() * 256U;
        header.forwarded = input.rarely(4) ? input.word() : 0;
        const auto bytes = encode(header);
        std::memcpy(world.memory.host().data() + address, bytes.data(), bytes.size());
      },
      [&host](fuzz::Input& input) { host.step(input); });
  driver.run();
  return 0;
}
