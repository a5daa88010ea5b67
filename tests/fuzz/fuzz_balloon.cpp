// SPDX-License-Identifier: Apache-2.0

// A guest that says anything to the balloon.
#include "hostile_driver.h"
#include "virtio/balloon/balloon_device.h"

namespace {

using namespace faasnap;

// Checks that what the device releases is guest memory, in pieces of whole pages.
class CheckingReleaser final : public virtio::PageReleaser {
 public:
  explicit CheckingReleaser(const memory::GuestMemory& memory) : memory_(memory) {}
  void release(PageRange pages) noexcept override {
    const std::uint64_t all = memory_.size().pages();
    fuzz::require(pages.count > 0 && pages.first.value < all &&
                  pages.count <= all - pages.first.value);
    memory_.forget(pages);
  }

 private:
  const memory::GuestMemory& memory_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static fuzz::DeviceWorld world;
  static CheckingReleaser releaser(world.memory);
  fuzz::HostileDriver driver(
      world, fuzz::Input({data, size}),
      [] {
        return std::make_unique<virtio::BalloonDevice>(world.loop, world.memory, releaser,
                                                       world.limits);
      },
      [](std::uint64_t address, fuzz::Input& input) {
        // Page numbers, mostly of memory that there is.
        for (unsigned i = 0; i < 8; ++i) {
          const std::uint32_t number = input.rarely(16) ? input.word() : input.byte() * 64U;
          std::memcpy(world.memory.host().data() + address + 4 * i, &number, sizeof(number));
        }
      });
  driver.run();
  return 0;
}
