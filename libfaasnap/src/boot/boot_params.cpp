// SPDX-License-Identifier: Apache-2.0

#include "boot/boot_params.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <span>

#include "base/error.h"
#include "base/files/file.h"
#include "boot/layout.h"

// Documentation/arch/x86/zero-page.rst and boot.rst of Linux.

namespace faasnap::boot {
namespace {

constexpr std::size_t kAcpiRsdp = 0x070;
constexpr std::size_t kMapEntries = 0x1e8;
constexpr std::size_t kSetupHeader = 0x1f1;
constexpr std::size_t kBootFlag = 0x1fe;
constexpr std::size_t kHeaderMagic = 0x202;
constexpr std::size_t kLoaderType = 0x210;
constexpr std::size_t kInitramfsAddress = 0x218;
constexpr std::size_t kInitramfsSize = 0x21c;
constexpr std::size_t kCommandLineAddress = 0x228;
constexpr std::size_t kKernelAlignment = 0x230;
constexpr std::size_t kMap = 0x2d0;

constexpr std::uint8_t kUnregisteredLoader = 0xff;
constexpr std::uint32_t kDefaultAlignment = 0x1000000;

constexpr std::uint32_t kUsable = 1;
constexpr std::uint32_t kReserved = 2;

using ZeroPage = std::array<std::byte, kPageSize>;

template <typename Integer>
void put(ZeroPage& page, std::size_t offset, Integer value) {
  std::memcpy(page.data() + offset, &value, sizeof(value));
}

struct Placement {
  std::uint32_t address = 0;
  std::uint32_t size = 0;
};

void put_memory_map(ZeroPage& page, const memory::GuestMemory& memory) {
  std::uint8_t count = 0;
  const auto add = [&](std::uint64_t start, std::uint64_t end, std::uint32_t type) {
    const std::size_t entry = kMap + std::size_t{20} * count++;
    put(page, entry, start);
    put(page, entry + 8, end - start);
    put(page, entry + 16, type);
  };
  add(0, kConventionalEnd.value, kUsable);
  add(kConventionalEnd.value, kHighMemory.value, kReserved);
  for (const memory::Region& region : memory.regions()) {
    add(std::max(region.base.value, kHighMemory.value), region.base.value + region.size.value,
        kUsable);
  }
  put(page, kMapEntries, count);
}

void write_command_line(const memory::GuestMemory& memory, std::string_view command_line,
                        std::uint64_t limit) {
  if (command_line.size() > limit) {
    base::fail(
        ErrorKind::invalid_argument, "boot", {},
        fmt::format("command_line has {} bytes, expected at most {}", command_line.size(), limit));
  }
  if (command_line.find('\0') != std::string_view::npos) {
    base::fail(ErrorKind::invalid_argument, "boot", {}, "command_line contains a zero byte");
  }
  std::array<std::byte, kCommandLineLimit + 1> buffer{};
  std::memcpy(buffer.data(), command_line.data(), command_line.size());
  memory.write(kCommandLine, std::span(buffer).first(command_line.size() + 1));
}

// Loads it at the end of low memory, or as high as the kernel can reach.
Placement load_initramfs(const memory::GuestMemory& memory, const LoadedKernel& kernel,
                         const base::OpenFile& file) {
  const std::uint64_t size = base::file_size(file.fd, file.path).value;
  const std::uint64_t end =
      std::min(memory.regions().front().size.value, kernel.initramfs_limit + 1);
  const std::uint64_t start = size < end ? (end - size) & ~(kPageSize - 1) : 0;
  if (size == 0 || start < kernel.end.value) {
    base::fail(
        ErrorKind::invalid_argument, "load the initramfs", file.path,
        fmt::format("{} bytes, expected 1 to {}, the room between the kernel and the end of low "
                    "memory; see the memory option",
                    size, end > kernel.end.value ? end - kernel.end.value : 0));
  }
  base::read_exact(file.fd, *memory.view(memory::GuestAddress{start}, size), 0, file.path);
  return {static_cast<std::uint32_t>(start), static_cast<std::uint32_t>(size)};
}

}  // namespace

void write_boot_params(const memory::GuestMemory& memory, const LoadedKernel& kernel,
                       std::string_view command_line, const base::OpenFile& initramfs,
                       memory::GuestAddress rsdp) {
  write_command_line(memory, command_line, std::min(kCommandLineLimit, kernel.command_line_limit));

  ZeroPage page{};
  if (kernel.setup_header.empty()) {
    put(page, kBootFlag, std::uint16_t{0xaa55});
    std::memcpy(page.data() + kHeaderMagic, "HdrS", 4);
    put(page, kKernelAlignment, kDefaultAlignment);
  } else {
    std::ranges::copy(kernel.setup_header, page.begin() + kSetupHeader);
  }
  put(page, kLoaderType, kUnregisteredLoader);
  put(page, kCommandLineAddress, static_cast<std::uint32_t>(kCommandLine.value));
  put(page, kAcpiRsdp, rsdp.value);
  if (initramfs) {
    const Placement placement = load_initramfs(memory, kernel, initramfs);
    put(page, kInitramfsAddress, placement.address);
    put(page, kInitramfsSize, placement.size);
  }
  put_memory_map(page, memory);
  memory.write_value(kZeroPage, page);
}

}  // namespace faasnap::boot
