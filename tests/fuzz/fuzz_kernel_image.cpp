// SPDX-License-Identifier: Apache-2.0

// A file that claims to be a kernel, a bzImage or an ELF vmlinux, up to the boot parameters that
// are made of its setup header.
#include <sys/mman.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "base/files/file.h"
#include "boot/boot_params.h"
#include "boot/initial_state.h"
#include "boot/kernel_image.h"
#include "support.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace faasnap;
  static const memory::GuestMemory memory(memory::kMinimumSize);
  static const base::UniqueFd file(::memfd_create("kernel", MFD_CLOEXEC));
  static const std::filesystem::path path = "/proc/self/fd/" + std::to_string(file.get());
  fuzz::require(::ftruncate(file.get(), 0) == 0 &&
                ::pwrite(file.get(), data, size, 0) == static_cast<ssize_t>(size));
  try {
    const boot::LoadedKernel kernel = boot::load_kernel(memory, base::open_if_named(path));
    boot::write_boot_params(memory, kernel, "console=ttyS0", {}, memory::GuestAddress{0xe0000});
    boot::write_initial_state(memory, kernel.entry);
  } catch (const Error& error) {
    fuzz::require(error.kind() == ErrorKind::invalid_argument);
  }
  return 0;
}
