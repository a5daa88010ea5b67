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
  fuzz::HostileDriver driver(
      world, fuzz::Input({data, size}),
      [] {
        return std::make_unique<virtio::BlockDevice>(world.loop, base::UniqueFd(::dup(image.get())),
                                                     "image", "serial", world.limits);
      },
      [](std::uint64_t address, fuzz::Input& input) {
        // struct virtio_blk_req, mostly a read within the disk.
        const std::uint32_t operation = input.rarely(4) ? input.byte() % 16U : 0;
        const std::uint64_t sector =
            input.rarely(8) ? std::uint64_t{input.word()} << 32 : input.byte() * 8ULL;
        std::byte* const header = world.memory.host().data() + address;
        std::memcpy(header, &operation, sizeof(operation));
        std::memcpy(header + 8, &sector, sizeof(sector));
      });
  driver.run();
  return 0;
}
