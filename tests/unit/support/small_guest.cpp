// SPDX-License-Identifier: Apache-2.0

#include "support/small_guest.h"

#include <elf.h>

#include <chrono>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <stdexcept>
#include <utility>

// The kernel, position-independent, entered in 64-bit mode with an identity mapping.
asm(R"(
.pushsection .rodata
small_guest_begin:
    cli
    mov  $0x2000000, %rbx
    mov  $64, %ecx
    mov  $12345, %eax
1:  imul $1103515245, %eax, %eax
    add  $12345, %eax
    mov  %eax, (%rbx)
    add  $4096, %rbx
    dec  %ecx
    jnz  1b
    mov  $0x3f8, %edx
    mov  $'R', %al
    out  %al, %dx
2:  mov  $0x3fd, %edx
    in   %dx, %al
    test $1, %al
    jz   2b
    mov  $0x3f8, %edx
    in   %dx, %al
    movzbl %al, %eax
    mov  $0x2000000, %rbx
    mov  $64, %ecx
3:  imul $31, %eax, %eax
    add  (%rbx), %eax
    add  $4096, %rbx
    dec  %ecx
    jnz  3b
    mov  %eax, %ecx
    shr  $16, %ecx
    xor  %ecx, %eax
    out  %al, %dx
    jmp  2b
small_guest_end:
.popsection
)");
extern "C" const char small_guest_begin[];
extern "C" const char small_guest_end[];

namespace faasnap::test {
namespace {

constexpr std::uint64_t kLoadAddress = 16 << 20;

// What the guest computes.
char expected_answer(char byte) {
  std::uint32_t page = 12345;
  auto sum = static_cast<std::uint32_t>(static_cast<unsigned char>(byte));
  for (unsigned i = 0; i < kGuestPages; ++i) {
    page = page * 1103515245 + 12345;
    sum = sum * 31 + page;
  }
  return static_cast<char>(sum ^ (sum >> 16));
}

}  // namespace

void write_small_guest(const std::filesystem::path& path) {
  const auto size = static_cast<std::uint64_t>(small_guest_end - small_guest_begin);
  Elf64_Ehdr file{};
  std::memcpy(file.e_ident, ELFMAG, SELFMAG);
  file.e_ident[EI_CLASS] = ELFCLASS64;
  file.e_ident[EI_DATA] = ELFDATA2LSB;
  file.e_ident[EI_VERSION] = EV_CURRENT;
  file.e_type = ET_EXEC;
  file.e_machine = EM_X86_64;
  file.e_version = EV_CURRENT;
  file.e_entry = kLoadAddress;
  file.e_phoff = sizeof(file);
  file.e_ehsize = sizeof(file);
  file.e_phentsize = sizeof(Elf64_Phdr);
  file.e_phnum = 1;
  Elf64_Phdr segment{};
  segment.p_type = PT_LOAD;
  segment.p_flags = PF_R | PF_W | PF_X;
  segment.p_offset = 4096;
  segment.p_vaddr = segment.p_paddr = kLoadAddress;
  segment.p_filesz = segment.p_memsz = size;
  segment.p_align = 4096;
  std::string bytes(reinterpret_cast<const char*>(&file), sizeof(file));
  bytes.append(reinterpret_cast<const char*>(&segment), sizeof(segment));
  bytes.resize(4096);
  bytes.append(small_guest_begin, size);
  std::ofstream out(path, std::ios::binary);
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  if (!out.flush()) {
    throw std::runtime_error("cannot write " + path.string());
  }
}

ConsoleSink GuestOutput::sink() const {
  return [shared = shared_](std::string_view text) {
    const std::lock_guard lock(shared->mutex);
    shared->text += text;
    shared->changed.notify_all();
  };
}

std::string GuestOutput::take(const VM& vm, Nanoseconds timeout) const {
  const auto end = std::chrono::steady_clock::now() + timeout;
  std::unique_lock lock(shared_->mutex);
  while (shared_->text.empty() && std::chrono::steady_clock::now() < end) {
    shared_->changed.wait_for(lock, std::chrono::milliseconds(50));
    if (is_final(vm.state())) {
      break;
    }
  }
  return std::exchange(shared_->text, {});
}

bool answers(VM& vm, const GuestOutput& output, char byte) {
  vm.write_console(std::string_view(&byte, 1));
  const std::string text = output.take(vm, std::chrono::seconds(60));
  return text == std::string(1, expected_answer(byte));
}

}  // namespace faasnap::test
