// SPDX-License-Identifier: Apache-2.0

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <string_view>

#include "boot/kernel_file.h"
#include "boot/layout.h"

// Documentation/arch/x86/boot.rst of Linux, "The Real-Mode Kernel Header".

namespace faasnap::boot {
namespace {

constexpr std::size_t kHeaderStart = 0x1f1;
constexpr std::size_t kSetupSectors = 0x1f1;
constexpr std::size_t kSystemSize = 0x1f4;
constexpr std::size_t kImageBootFlag = 0x1fe;
constexpr std::size_t kHeaderLength = 0x201;  // operand of a jump over the header
constexpr std::size_t kImageHeaderMagic = 0x202;
constexpr std::size_t kVersion = 0x206;
constexpr std::size_t kInitramfsLimit = 0x22c;
constexpr std::size_t kLoadFlags = 0x236;
constexpr std::size_t kCommandLineSize = 0x238;
constexpr std::size_t kPreferredAddress = 0x258;
constexpr std::size_t kInitSize = 0x260;
constexpr std::size_t kHeaderNeeded = 0x264;
// The end of the room for the header in the zero page.
constexpr std::size_t kHeaderRoom = 0x290;

constexpr std::uint16_t kBootFlagValue = 0xaa55;
constexpr std::string_view kHeaderMagicValue = "HdrS";
constexpr std::uint16_t kOldestVersion = 0x20c;
constexpr std::uint16_t kHas64BitEntry = 1;
constexpr std::uint64_t k64BitEntry = 0x200;
constexpr std::uint64_t kSector = 512;
constexpr std::uint64_t kParagraph = 16;
constexpr std::uint64_t kLoadAlignment = 2ULL << 20;

void check_setup_header(const KernelFile& file) {
  const auto head = file.head();
  if (head.size() < kHeaderNeeded) {
    file.reject(fmt::format("file ends at {} bytes, within the setup header", head.size()));
  }
  const auto version = read_le<std::uint16_t>(head, kVersion);
  if (version < kOldestVersion) {
    file.reject(fmt::format("boot protocol {}.{:02}, expected 2.12 or later", version >> 8,
                            version & 0xff));
  }
  if ((read_le<std::uint16_t>(head, kLoadFlags) & kHas64BitEntry) == 0) {
    file.reject("no 64-bit entry point (xloadflags bit 0), expected an x86-64 kernel");
  }
}

// Returns the offset of the setup header's end, the same in the file and in the zero page.
std::size_t header_end(const KernelFile& file) {
  const std::size_t end =
      kImageHeaderMagic + std::to_integer<std::size_t>(file.head()[kHeaderLength]);
  if (end < kHeaderNeeded || end > kHeaderRoom) {
    file.reject(fmt::format("setup header ends at {:#x}, expected {:#x} to {:#x}", end,
                            kHeaderNeeded, kHeaderRoom));
  }
  return end;
}

// The part of the file that runs in protected mode.
struct Payload {
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
};

Payload find_payload(const KernelFile& file) {
  const auto sectors = read_le<std::uint8_t>(file.head(), kSetupSectors);
  const std::uint64_t offset = (std::uint64_t{sectors == 0 ? 4u : sectors} + 1) * kSector;
  const std::uint64_t length =
      std::uint64_t{read_le<std::uint32_t>(file.head(), kSystemSize)} * kParagraph;
  // The size is a multiple of paragraphs; the file need not fill the last one.
  const std::uint64_t available = file.size() > offset ? file.size() - offset : 0;
  if (length <= k64BitEntry || available + kParagraph <= length) {
    file.reject(fmt::format("{} bytes after the setup code, expected {} as in the header",
                            available, length));
  }
  return {offset, std::min(length, available)};
}

}  // namespace

bool is_bzimage(const KernelFile& file) {
  const auto head = file.head();
  return head.size() >= kVersion &&
         read_le<std::uint16_t>(head, kImageBootFlag) == kBootFlagValue &&
         std::memcmp(head.data() + kImageHeaderMagic, kHeaderMagicValue.data(),
                     kHeaderMagicValue.size()) == 0;
}

LoadedKernel load_bzimage(const memory::GuestMemory& memory, const KernelFile& file) {
  check_setup_header(file);
  const auto head = file.head();
  const std::size_t end_of_header = header_end(file);
  const Payload payload = find_payload(file);
  const auto address = read_le<std::uint64_t>(head, kPreferredAddress);
  const std::uint64_t init_size = read_le<std::uint32_t>(head, kInitSize);
  if (init_size < payload.length) {
    file.reject(fmt::format("init_size is {}, less than the {} bytes of the kernel", init_size,
                            payload.length));
  }
  const KernelRoom room = kernel_room(memory);
  if (address < room.start || address >= room.end || init_size > room.end - address ||
      address % kLoadAlignment != 0) {
    file.reject(
        fmt::format("needs {:#x} bytes at guest address {:#x}, expected a multiple of 2 MiB "
                    "from {:#x} on, and a memory option that reaches beyond ({:#x} now)",
                    init_size, address, room.start, room.end));
  }
  file.copy_to(memory, memory::GuestAddress{address}, payload.offset, payload.length);

  LoadedKernel kernel;
  kernel.entry = memory::GuestAddress{address + k64BitEntry};
  kernel.end = memory::GuestAddress{address + init_size};
  kernel.setup_header.assign(head.begin() + kHeaderStart,
                             head.begin() + static_cast<std::ptrdiff_t>(end_of_header));
  kernel.initramfs_limit = read_le<std::uint32_t>(head, kInitramfsLimit);
  kernel.command_line_limit = read_le<std::uint32_t>(head, kCommandLineSize);
  return kernel;
}

}  // namespace faasnap::boot
