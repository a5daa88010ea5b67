// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <condition_variable>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include <faasnap/vm.h>
#include <faasnap/vm_options.h>

namespace faasnap::test {

// Writes an ELF kernel of some hundred bytes to `path`. It fills kGuestPages pages, says kReady on
// its serial console, and answers each byte typed there with one that depends on the byte and on
// all of the pages.
void write_small_guest(const std::filesystem::path& path);

inline constexpr unsigned kGuestPages = 64;
inline constexpr char kReady = 'R';

// What a guest writes to its console. Copies share it, so one can be kept by the VM.
class GuestOutput {
 public:
  ConsoleSink sink() const;
  // Waits for output beyond what was taken already, and takes all of it. Returns an empty string if
  // `vm` ends first, or if there is none within `timeout`.
  std::string take(const VM& vm, Nanoseconds timeout) const;

 private:
  struct Shared {
    std::mutex mutex;
    std::condition_variable changed;
    std::string text;
  };
  std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
};

// Returns how to boot the small guest, with all that it says going to `output`.
VmOptions small_guest_options(const std::filesystem::path& kernel, const GuestOutput& output);

// Types `byte` into the guest's console and returns whether the right answer comes.
bool answers(VM& vm, const GuestOutput& output, char byte);

}  // namespace faasnap::test
