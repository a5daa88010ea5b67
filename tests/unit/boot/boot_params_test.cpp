// SPDX-License-Identifier: Apache-2.0

#include "boot/boot_params.h"

#include <string>

#include "boot/kernel_fixture.h"
#include "boot/layout.h"

namespace faasnap::boot {
namespace {

using test::TemporaryDirectory;

constexpr memory::GuestAddress kRsdp{0xe0000};

LoadedKernel vmlinux() {
  LoadedKernel kernel;
  kernel.entry = memory::GuestAddress{0x1000000};
  kernel.end = memory::GuestAddress{0x3000000};
  kernel.command_line_limit = kCommandLineLimit;
  return kernel;
}

template <typename Integer>
Integer field(const memory::GuestMemory& memory, std::uint64_t offset) {
  return *memory.read_value<Integer>(memory::GuestAddress{kZeroPage.value + offset});
}

struct MapEntry {
  std::uint64_t start;
  std::uint64_t size;
  std::uint32_t type;
};

MapEntry map_entry(const memory::GuestMemory& memory, unsigned index) {
  const std::uint64_t at = 0x2d0 + 20 * index;
  return {field<std::uint64_t>(memory, at), field<std::uint64_t>(memory, at + 8),
          field<std::uint32_t>(memory, at + 16)};
}

std::string refusal(const memory::GuestMemory& memory, const LoadedKernel& kernel,
                    std::string_view command_line, const std::filesystem::path& initramfs) {
  try {
    write_boot_params(memory, kernel, command_line, base::open_if_named(initramfs), kRsdp);
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::invalid_argument);
    return error.what();
  }
  return "";
}

TEST_CASE("the zero page tells command line, loader and RSDP") {
  const memory::GuestMemory memory(memory::kMinimumSize);
  write_boot_params(memory, vmlinux(), "console=ttyS0", {}, kRsdp);
  CHECK(field<std::uint32_t>(memory, 0x228) == kCommandLine.value);
  CHECK(field<std::uint8_t>(memory, 0x210) == 0xff);
  CHECK(field<std::uint64_t>(memory, 0x070) == kRsdp.value);
  CHECK(field<std::uint16_t>(memory, 0x1fe) == 0xaa55);
  CHECK(field<std::uint32_t>(memory, 0x21c) == 0);
  const auto text = memory.view(kCommandLine, 14);
  CHECK(std::memcmp(text->data(), "console=ttyS0", 14) == 0);
}

TEST_CASE("the setup header of a bzImage is handed on in its place") {
  const memory::GuestMemory memory(memory::kMinimumSize);
  LoadedKernel kernel = vmlinux();
  kernel.setup_header.assign(0x7b, std::byte{0x33});
  write_boot_params(memory, kernel, "", {}, kRsdp);
  CHECK(field<std::uint8_t>(memory, 0x1f0) == 0);
  CHECK(field<std::uint8_t>(memory, 0x1f1) == 0x33);
  CHECK(field<std::uint8_t>(memory, 0x26b) == 0x33);
  CHECK(field<std::uint8_t>(memory, 0x26c) == 0);
  CHECK(field<std::uint8_t>(memory, 0x210) == 0xff);
}

TEST_CASE("the memory map of a small guest is low memory around the reserved area") {
  const memory::GuestMemory memory(memory::kMinimumSize);
  write_boot_params(memory, vmlinux(), "", {}, kRsdp);
  REQUIRE(field<std::uint8_t>(memory, 0x1e8) == 3);
  CHECK(map_entry(memory, 0).size == kConventionalEnd.value);
  CHECK(map_entry(memory, 0).type == 1);
  CHECK(map_entry(memory, 1).start == kConventionalEnd.value);
  CHECK(map_entry(memory, 1).type == 2);
  CHECK(map_entry(memory, 2).start == kHighMemory.value);
  CHECK(map_entry(memory, 2).size == memory::kMinimumSize.value - kHighMemory.value);
}

TEST_CASE("the memory map of a large guest goes on above 4 GiB") {
  const memory::GuestMemory memory(Bytes{4ULL << 30});
  write_boot_params(memory, vmlinux(), "", {}, kRsdp);
  REQUIRE(field<std::uint8_t>(memory, 0x1e8) == 4);
  CHECK(map_entry(memory, 2).size == (3ULL << 30) - kHighMemory.value);
  CHECK(map_entry(memory, 3).start == 4ULL << 30);
  CHECK(map_entry(memory, 3).size == 1ULL << 30);
  CHECK(map_entry(memory, 3).type == 1);
}

TEST_CASE("a command line may have 2047 bytes, and the message names the option when it has more") {
  const memory::GuestMemory memory(memory::kMinimumSize);
  CHECK(refusal(memory, vmlinux(), std::string(2047, 'x'), {}).empty());
  CHECK(refusal(memory, vmlinux(), std::string(2048, 'x'), {}).find("command_line") !=
        std::string::npos);
}

TEST_CASE("a kernel may take shorter command lines only") {
  const memory::GuestMemory memory(memory::kMinimumSize);
  LoadedKernel kernel = vmlinux();
  kernel.command_line_limit = 255;
  CHECK(refusal(memory, kernel, std::string(255, 'x'), {}).empty());
  CHECK(refusal(memory, kernel, std::string(256, 'x'), {}).find("at most 255") !=
        std::string::npos);
}

TEST_CASE("a command line with a zero byte is refused") {
  const memory::GuestMemory memory(memory::kMinimumSize);
  CHECK_FALSE(refusal(memory, vmlinux(), std::string_view("a\0b", 3), {}).empty());
}

TEST_CASE("an initramfs lies at the end of low memory, on a page of its own") {
  const TemporaryDirectory directory;
  const auto path = directory.write("initramfs", std::vector<std::byte>(5000, std::byte{0x44}));
  const memory::GuestMemory memory(memory::kMinimumSize);
  write_boot_params(memory, vmlinux(), "", base::open_if_named(path), kRsdp);
  const auto address = field<std::uint32_t>(memory, 0x218);
  CHECK(address == memory::kMinimumSize.value - 2 * kPageSize);
  CHECK(field<std::uint32_t>(memory, 0x21c) == 5000);
  CHECK(memory.read_value<std::uint8_t>(memory::GuestAddress{address + 4999u}) == 0x44);
  CHECK(memory.read_value<std::uint8_t>(memory::GuestAddress{address + 5000u}) == 0);
}

TEST_CASE("an initramfs stays below the kernel's limit") {
  const TemporaryDirectory directory;
  const auto path = directory.write("initramfs", std::vector<std::byte>(100, std::byte{0x44}));
  const memory::GuestMemory memory(memory::kMinimumSize);
  LoadedKernel kernel = vmlinux();
  kernel.initramfs_limit = 0x3ffffff;
  write_boot_params(memory, kernel, "", base::open_if_named(path), kRsdp);
  CHECK(field<std::uint32_t>(memory, 0x218) == 0x3fff000);
}

TEST_CASE("an initramfs that does not fit is refused by name") {
  const TemporaryDirectory directory;
  const memory::GuestMemory memory(memory::kMinimumSize);
  LoadedKernel kernel = vmlinux();
  SECTION("it is empty") {
    const auto path = directory.write("initramfs", {});
    CHECK(refusal(memory, kernel, "", path).find("initramfs") != std::string::npos);
  }
  SECTION("it would lie on the kernel") {
    kernel.end = memory::GuestAddress{memory::kMinimumSize.value - kPageSize};
    const auto path = directory.write("initramfs", std::vector<std::byte>(5000));
    CHECK(refusal(memory, kernel, "", path).find("expected 1 to 4096") != std::string::npos);
  }
}

}  // namespace
}  // namespace faasnap::boot
