// SPDX-License-Identifier: Apache-2.0

#include <cstdlib>

#include "boot/kernel_fixture.h"

namespace faasnap::boot {
namespace {

using test::KernelLoader;
using test::put;

constexpr std::size_t kPayload = 2 * 512;
constexpr std::size_t kPayloadSize = 0x1000;

// A bzImage of one setup sector and a page of payload that starts with 0x11.
std::vector<std::byte> good_image() {
  std::vector<std::byte> image(kPayload + kPayloadSize);
  put(image, 0x1f1, std::uint8_t{1});
  put(image, 0x1f4, static_cast<std::uint32_t>(kPayloadSize / 16));
  put(image, 0x1fe, std::uint16_t{0xaa55});
  put(image, 0x201, std::uint8_t{0x6a});
  std::memcpy(image.data() + 0x202, "HdrS", 4);
  put(image, 0x206, std::uint16_t{0x20f});
  put(image, 0x22c, std::uint32_t{0x7fffffff});
  put(image, 0x236, std::uint16_t{0x7f});
  put(image, 0x238, std::uint32_t{2047});
  put(image, 0x258, std::uint64_t{0x1000000});
  put(image, 0x260, std::uint32_t{0x200000});
  image[kPayload] = std::byte{0x11};
  return image;
}

TEST_CASE("a bzImage is loaded at its preferred address and entered 0x200 bytes in") {
  KernelLoader loader;
  const LoadedKernel kernel = loader.load(good_image());
  CHECK(kernel.entry == memory::GuestAddress{0x1000200});
  CHECK(kernel.end == memory::GuestAddress{0x1200000});
  CHECK(kernel.initramfs_limit == 0x7fffffff);
  CHECK(kernel.command_line_limit == 2047);
  CHECK(kernel.setup_header.size() == 0x202 + 0x6a - 0x1f1);
  CHECK(loader.memory.read_value<std::uint8_t>(memory::GuestAddress{0x1000000}) == 0x11);
}

TEST_CASE("the last paragraph of a bzImage may be short") {
  KernelLoader loader;
  std::vector<std::byte> image = good_image();
  image.resize(image.size() - 15);
  CHECK_NOTHROW(loader.load(image));
}

TEST_CASE("a bzImage with a hostile header is refused") {
  KernelLoader loader;
  std::vector<std::byte> image = good_image();
  std::string words;
  SECTION("it ends within the header") {
    image.resize(0x240);
    words = "within the setup header";
  }
  SECTION("its protocol is older than 2.12") {
    put(image, 0x206, std::uint16_t{0x20b});
    words = "boot protocol 2.11";
  }
  SECTION("it has no 64-bit entry") {
    put(image, 0x236, std::uint16_t{0x7e});
    words = "64-bit entry";
  }
  SECTION("its header is longer than the zero page has room for") {
    put(image, 0x201, std::uint8_t{0xff});
    words = "setup header ends";
  }
  SECTION("its header is shorter than the fields that are used") {
    put(image, 0x201, std::uint8_t{0x10});
    words = "setup header ends";
  }
  SECTION("it has more setup sectors than bytes") {
    put(image, 0x1f1, std::uint8_t{255});
    words = "after the setup code";
  }
  SECTION("it ends before its payload does") {
    image.resize(image.size() - 16);
    words = "after the setup code";
  }
  SECTION("its payload is larger than any file") {
    put(image, 0x1f4, ~std::uint32_t{0});
    words = "after the setup code";
  }
  SECTION("it has no payload") {
    put(image, 0x1f4, std::uint32_t{0});
    words = "after the setup code";
  }
  SECTION("it claims less memory than its payload takes") {
    put(image, 0x260, std::uint32_t{0x800});
    words = "init_size";
  }
  SECTION("it wants to lie on the tables of the boot protocol") {
    put(image, 0x258, std::uint64_t{0});
    words = "guest address 0x0";
  }
  SECTION("it wants to lie beyond memory") {
    put(image, 0x258, std::uint64_t{0x8000000});
    words = "memory option";
  }
  SECTION("it wants to lie where addresses overflow") {
    put(image, 0x258, ~std::uint64_t{0x1fffff});
    words = "memory option";
  }
  SECTION("it needs more memory than there is") {
    put(image, 0x260, std::uint32_t{0x7800000});
    words = "memory option";
  }
  SECTION("its address is not aligned") {
    put(image, 0x258, std::uint64_t{0x1001000});
    words = "multiple of 2 MiB";
  }
  loader.check_refused(image, words);
}

TEST_CASE("a file that is no kernel is refused") {
  KernelLoader loader;
  SECTION("empty") { loader.check_refused({}, "neither a bzImage nor an ELF"); }
  SECTION("text") {
    loader.check_refused(std::vector<std::byte>(5000, std::byte{'a'}), "neither a bzImage");
  }
}

TEST_CASE("a stock kernel is loaded") {
  const char* const images = std::getenv("FAASNAP_IMAGES");
  const auto path = std::filesystem::path(images == nullptr ? "" : images) / "vmlinuz";
  if (images == nullptr || !std::filesystem::exists(path)) {
    SKIP("no vmlinuz in $FAASNAP_IMAGES");
  }
  const memory::GuestMemory memory(memory::kMinimumSize);
  const LoadedKernel kernel = load_kernel(memory, base::open_if_named(path));
  CHECK(kernel.command_line_limit == 2047);
  CHECK(kernel.entry.value % (2u << 20) == 0x200);
}

}  // namespace
}  // namespace faasnap::boot
