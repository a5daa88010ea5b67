// SPDX-License-Identifier: Apache-2.0

// A guest that says anything to the disk.
#include <sys/mman.h>
#include <unistd.h>

#include "hostile_driver.h"
#include "virtio/block/block_device.h"

namespace {

using namespace faasnap;

constexpr off_t kImageSize = 1 << 20;

base::UniqueFd make_image() {
  base::UniqueFd image(::memfd_create("image", MFD_CLOEXEC));
  fuzz::require(::ftruncate(image.get(), kImageSize) == 0);
  return image;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static fuzz::DeviceWorld world;
  static const base::UniqueFd image = make_image();
  static const base::UniqueFd written = make_image();
  if (size == 0) {
    return 0;
  }
  // A root disk, or a disk of a clone.
  const bool writable = (data[0] & 1) != 0;
  fuzz::HostileDriver driver(
      world, fuzz::Input({data, size}),
      [writable] {
        base::UniqueFd shared(::dup(image.get()));
        return std::make_unique<virtio::BlockDevice>(
            world.loop,
            writable ? virtio::DiskContent({.file = {.fd = base::UniqueFd(::dup(written.get()))},
                                            .below = {.fd = std::move(shared)},
                                            .size = {kImageSize},
                                            .read_only = false,
                                            .durable = true})
                     : virtio::DiskContent::of_image(std::move(shared), "image"),
            "serial", world.limits);
      },
      [](std::uint64_t address, fuzz::Input& input) {
        // struct virtio_blk_req, mostly a read or write within the disk. A buffer that holds more
        // also begins with the extent of a discard.
        const std::uint32_t operation =
            input.rarely(4) ? input.byte() % 16U : static_cast<std::uint32_t>(input.byte() & 1);
        const std::uint64_t sector =
            input.rarely(8) ? std::uint64_t{input.word()} << 32 : input.byte() * 8ULL;
        std::byte* const header = world.memory.host().data() + address;
        std::memcpy(header, &operation, sizeof(operation));
        std::memcpy(header + 8, &sector, sizeof(sector));
        const std::uint32_t sectors = input.rarely(4) ? input.word() : input.byte();
        std::memcpy(header + 16, &sector, sizeof(sector));
        std::memcpy(header + 24, &sectors, sizeof(sectors));
      });
  driver.run();
  return 0;
}
