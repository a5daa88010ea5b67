// SPDX-License-Identifier: Apache-2.0

#include <elf.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "boot/kernel_file.h"
#include "boot/layout.h"

namespace faasnap::boot {
namespace {

constexpr std::size_t kSegmentLimit = 64;

Elf64_Ehdr checked_header(const KernelFile& file) {
  Elf64_Ehdr header;
  if (file.head().size() < sizeof(header)) {
    file.reject(fmt::format("file ends at {} bytes, within the ELF header", file.head().size()));
  }
  std::memcpy(&header, file.head().data(), sizeof(header));
  if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB ||
      header.e_machine != EM_X86_64) {
    file.reject("an ELF file for another machine, expected 64-bit x86");
  }
  if (header.e_type != ET_EXEC) {
    file.reject(fmt::format("an ELF file of type {}, expected an executable (vmlinux)",
                            static_cast<unsigned>(header.e_type)));
  }
  return header;
}

std::vector<Elf64_Phdr> read_segments(const KernelFile& file, const Elf64_Ehdr& header) {
  if (header.e_phentsize != sizeof(Elf64_Phdr) || header.e_phnum == 0 ||
      header.e_phnum > kSegmentLimit) {
    file.reject(fmt::format("{} program headers of {} bytes, expected 1 to {} of {}",
                            static_cast<unsigned>(header.e_phnum),
                            static_cast<unsigned>(header.e_phentsize), kSegmentLimit,
                            sizeof(Elf64_Phdr)));
  }
  std::vector<Elf64_Phdr> segments(header.e_phnum);
  const std::size_t length = segments.size() * sizeof(Elf64_Phdr);
  if (header.e_phoff > file.head().size() || length > file.head().size() - header.e_phoff) {
    file.reject(fmt::format("program headers at {:#x}, expected them in the first {} bytes",
                            static_cast<std::uint64_t>(header.e_phoff), file.head().size()));
  }
  std::memcpy(segments.data(), file.head().data() + header.e_phoff, length);
  std::erase_if(segments, [](const Elf64_Phdr& segment) {
    return segment.p_type != PT_LOAD || segment.p_memsz == 0;
  });
  return segments;
}

void check_segment(const KernelFile& file, const Elf64_Phdr& segment, const KernelRoom& room) {
  const std::uint64_t start = segment.p_paddr;
  if (start < room.start || start >= room.end || segment.p_memsz > room.end - start ||
      segment.p_filesz > segment.p_memsz) {
    file.reject(
        fmt::format("a segment of {:#x} bytes ({:#x} in the file) at guest address {:#x}, "
                    "expected it between {:#x} and the end of memory at {:#x}",
                    static_cast<std::uint64_t>(segment.p_memsz),
                    static_cast<std::uint64_t>(segment.p_filesz), start, room.start, room.end));
  }
}

bool contains(const Elf64_Phdr& segment, std::uint64_t address) {
  return address >= segment.p_paddr && address - segment.p_paddr < segment.p_filesz;
}

}  // namespace

bool is_elf(const KernelFile& file) {
  return file.head().size() >= SELFMAG && std::memcmp(file.head().data(), ELFMAG, SELFMAG) == 0;
}

LoadedKernel load_elf(const memory::GuestMemory& memory, const KernelFile& file) {
  const Elf64_Ehdr header = checked_header(file);
  const std::vector<Elf64_Phdr> segments = read_segments(file, header);
  const KernelRoom room = kernel_room(memory);
  LoadedKernel kernel;
  for (const Elf64_Phdr& segment : segments) {
    check_segment(file, segment, room);
    kernel.end.value = std::max<std::uint64_t>(kernel.end.value, segment.p_paddr + segment.p_memsz);
  }
  if (std::ranges::none_of(
          segments, [&](const Elf64_Phdr& segment) { return contains(segment, header.e_entry); })) {
    file.reject(fmt::format("entry point {:#x} is outside every loaded segment",
                            static_cast<std::uint64_t>(header.e_entry)));
  }
  for (const Elf64_Phdr& segment : segments) {
    file.copy_to(memory, memory::GuestAddress{segment.p_paddr}, segment.p_offset, segment.p_filesz);
  }
  kernel.entry = memory::GuestAddress{header.e_entry};
  kernel.command_line_limit = kCommandLineLimit;
  return kernel;
}

}  // namespace faasnap::boot
