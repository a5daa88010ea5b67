// SPDX-License-Identifier: Apache-2.0

// The saved state of each virtio device, as bytes that a stranger wrote. What a device has accepted
// once it saves, and accepts again, as it is.
#include <sys/mman.h>
#include <unistd.h>

#include "hostile_driver.h"
#include "virtio/balloon/balloon_device.h"
#include "virtio/block/block_device.h"
#include "virtio/net/net_device.h"
#include "virtio/vsock/vsock_device.h"

namespace {

using namespace faasnap;

class NoReleaser final : public virtio::PageReleaser {
 public:
  void release(PageRange) noexcept override {}
};

base::UniqueFd make_image() {
  base::UniqueFd image(::memfd_create("image", MFD_CLOEXEC));
  fuzz::require(::ftruncate(image.get(), 1 << 20) == 0);
  return image;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static fuzz::DeviceWorld world;
  static NoReleaser releaser;
  if (size == 0) {
    return 0;
  }
  const auto make = [kind = data[0] % 4]() -> std::unique_ptr<virtio::Device> {
    switch (kind) {
      case 0:
        return std::make_unique<virtio::BlockDevice>(
            world.loop, virtio::DiskContent::of_image(make_image(), "image"), "serial",
            world.limits);
      case 1:
        return std::make_unique<virtio::BalloonDevice>(world.loop, world.memory, releaser,
                                                       world.limits);
      case 2:
        return std::make_unique<virtio::VsockDevice>(world.loop, 3, world.limits, LogSink{});
      default:
        return std::make_unique<virtio::NetDevice>(world.loop, nullptr, virtio::NetIdentity{},
                                                   world.limits, LogSink{});
    }
  };
  const std::vector<std::byte> state(reinterpret_cast<const std::byte*>(data) + 1,
                                     reinterpret_cast<const std::byte*>(data) + size);
  // Returns what the device saves after it was restored and before it continues.
  const auto restore = [&](std::span<const std::byte> bytes) {
    virtio::MmioTransport transport(world.loop, world.memory, make(), world.interrupt, LogSink{});
    base::ByteReader reader(bytes, "state", "device");
    transport.restore(reader);
    reader.finish();
    const auto saved = transport.save();
    transport.resume();
    return saved;
  };
  world.loop.run([&] {
    std::vector<std::byte> saved;
    try {
      saved = restore(state);
    } catch (const Error& error) {
      fuzz::require(error.kind() == ErrorKind::corrupt);
      return;
    }
    fuzz::require(restore(saved) == saved);
  });
  return 0;
}
