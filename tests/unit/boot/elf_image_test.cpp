// SPDX-License-Identifier: Apache-2.0

#include <elf.h>

#include "boot/kernel_fixture.h"

namespace faasnap::boot {
namespace {

using test::KernelLoader;

// One segment: 0x100 bytes of the file and 0x3000 in memory, at 16 MiB.
struct Image {
  Elf64_Ehdr header{};
  Elf64_Phdr segment{};
  std::size_t size = 0x1100;

  Image() {
    std::memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_type = ET_EXEC;
    header.e_machine = EM_X86_64;
    header.e_entry = 0x1000040;
    header.e_phoff = sizeof(header);
    header.e_phentsize = sizeof(segment);
    header.e_phnum = 1;
    segment.p_type = PT_LOAD;
    segment.p_offset = 0x1000;
    segment.p_vaddr = 0xffffffff81000000;
    segment.p_paddr = 0x1000000;
    segment.p_filesz = 0x100;
    segment.p_memsz = 0x3000;
  }

  std::vector<std::byte> bytes() const {
    std::vector<std::byte> image(0x1100);
    std::memcpy(image.data(), &header, sizeof(header));
    std::memcpy(image.data() + sizeof(header), &segment, sizeof(segment));
    image[0x1000] = std::byte{0x22};
    image.resize(size);
    return image;
  }
};

TEST_CASE("a vmlinux is loaded at its physical addresses and entered at its entry point") {
  KernelLoader loader;
  const LoadedKernel kernel = loader.load(Image().bytes());
  CHECK(kernel.entry == memory::GuestAddress{0x1000040});
  CHECK(kernel.end == memory::GuestAddress{0x1003000});
  CHECK(kernel.setup_header.empty());
  CHECK(kernel.command_line_limit == 2047);
  CHECK(loader.memory.read_value<std::uint8_t>(memory::GuestAddress{0x1000000}) == 0x22);
}

TEST_CASE("an ELF file with a hostile header is refused") {
  KernelLoader loader;
  Image image;
  std::string words;
  SECTION("it ends within the header") {
    image.size = 20;
    words = "within the ELF header";
  }
  SECTION("it is of 32 bits") {
    image.header.e_ident[EI_CLASS] = ELFCLASS32;
    words = "another machine";
  }
  SECTION("it is for another machine") {
    image.header.e_machine = EM_AARCH64;
    words = "another machine";
  }
  SECTION("it is an object file") {
    image.header.e_type = ET_REL;
    words = "type 1";
  }
  SECTION("its program headers are of another size") {
    image.header.e_phentsize = 32;
    words = "program headers of 32 bytes";
  }
  SECTION("it has no program headers") {
    image.header.e_phnum = 0;
    words = "0 program headers";
  }
  SECTION("it has too many program headers") {
    image.header.e_phnum = 0xffff;
    words = "65535 program headers";
  }
  SECTION("its program headers lie outside") {
    image.header.e_phoff = ~0ULL - 8;
    words = "program headers at";
  }
  SECTION("it has nothing to load") {
    image.segment.p_type = PT_NOTE;
    words = "entry point";
  }
  SECTION("a segment lies on the tables of the boot protocol") {
    image.segment.p_paddr = 0x7000;
    words = "guest address 0x7000";
  }
  SECTION("a segment reaches beyond memory") {
    image.segment.p_memsz = 128u << 20;
    words = "end of memory";
  }
  SECTION("a segment's address overflows") {
    image.segment.p_paddr = ~0ULL - 0x1000;
    words = "end of memory";
  }
  SECTION("a segment is larger in the file than in memory") {
    image.segment.p_filesz = 0x4000;
    words = "a segment of";
  }
  SECTION("a segment lies outside of the file") {
    image.segment.p_offset = 0x1080;
    words = "ends at";
  }
  SECTION("a segment's place in the file overflows") {
    image.segment.p_offset = ~0ULL - 4;
    words = "ends at";
  }
  SECTION("the entry point lies in no segment") {
    image.header.e_entry = 0x2000000;
    words = "entry point";
  }
  loader.check_refused(image.bytes(), words);
}

}  // namespace
}  // namespace faasnap::boot
