// SPDX-License-Identifier: Apache-2.0

#include "support/small_guest.h"

#include <chrono>
#include <cstdint>
#include <fstream>
#include <span>
#include <stdexcept>
#include <utility>

#include "support/elf_kernel.h"

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
  const auto bytes = elf_kernel(std::as_bytes(std::span(small_guest_begin, small_guest_end)));
  std::ofstream out(path, std::ios::binary);
  out.write(reinterpret_cast<const char*>(bytes.data()),
            static_cast<std::streamsize>(bytes.size()));
  if (!out.flush()) {
    throw std::runtime_error("cannot write " + path.string());
  }
}

VmOptions small_guest_options(const std::filesystem::path& kernel, const GuestOutput& output) {
  VmOptions options;
  options.kernel = kernel;
  options.memory = 128_MiB;
  options.vcpus = 1;
  options.attachments.console = output.sink();
  return options;
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
