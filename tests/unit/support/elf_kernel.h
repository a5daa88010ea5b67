// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <elf.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include <faasnap/units.h>

namespace faasnap::test {

// Where elf_kernel's segment is in guest memory.
inline constexpr std::uint64_t kElfKernelAddress = 16 << 20;

// Returns an ELF kernel whose one segment is `content`, and which is entered at its first byte.
inline std::vector<std::byte> elf_kernel(std::span<const std::byte> content) {
  Elf64_Ehdr header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_ident[EI_VERSION] = EV_CURRENT;
  header.e_type = ET_EXEC;
  header.e_machine = EM_X86_64;
  header.e_version = EV_CURRENT;
  header.e_entry = kElfKernelAddress;
  header.e_phoff = header.e_ehsize = sizeof(header);
  header.e_phentsize = sizeof(Elf64_Phdr);
  header.e_phnum = 1;
  Elf64_Phdr segment{};
  segment.p_type = PT_LOAD;
  segment.p_flags = PF_R | PF_W | PF_X;
  segment.p_offset = kPageSize;
  segment.p_vaddr = segment.p_paddr = kElfKernelAddress;
  segment.p_filesz = segment.p_memsz = content.size();
  segment.p_align = kPageSize;
  std::vector<std::byte> file(kPageSize + content.size());
  std::memcpy(file.data(), &header, sizeof(header));
  std::memcpy(file.data() + sizeof(header), &segment, sizeof(segment));
  std::memcpy(file.data() + kPageSize, content.data(), content.size());
  return file;
}

}  // namespace faasnap::test
