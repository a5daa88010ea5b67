// SPDX-License-Identifier: Apache-2.0

// A pause that fails, because the disk's io_uring does, leaves a machine that runs.
#include "machine/machine.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "base/files/file.h"
#include "support/elf_kernel.h"
#include "support/support.h"
#include "uring/ring.h"

namespace faasnap::machine {
namespace {

using memory::GuestAddress;

constexpr std::uint64_t kImageSize = 1 << 20;
constexpr GuestAddress kCounter{32 << 20};
constexpr std::uint64_t kRings = 40 << 20;
constexpr std::uint64_t kAvailable = kRings + 0x400;
constexpr std::uint64_t kUsed = kRings + 0x800;
constexpr std::uint64_t kHeader = kRings + 0x1000;
constexpr std::uint64_t kData = kRings + 0x2000;
constexpr std::uint64_t kStatus = kRings + 0x3000;

// Writes a kernel that counts at kCounter for ever.
void write_kernel(const std::filesystem::path& path) {
  constexpr std::array<std::uint8_t, 9> kCode{0xff, 0x04, 0x25, 0, 0, 0, 2,  // inc dword [kCounter]
                                              0xeb, 0xf7};                   // jmp to the start
  base::write_new_file(path, test::elf_kernel(std::as_bytes(std::span(kCode))));
}

// Returns the state of a disk with one queue that its driver runs.
std::vector<std::byte> disk_state() {
  base::ByteWriter state;
  state.put(std::uint32_t{2});   // device type
  state.put(std::uint32_t{15});  // status, up to DRIVER_OK
  for (int i = 0; i < 3; ++i) {
    state.put(std::uint32_t{0});  // what is selected
  }
  state.put(std::uint64_t{1} << 32);  // VIRTIO_F_VERSION_1
  state.put(std::uint32_t{0});        // interrupt status
  state.put(std::uint32_t{1});        // queues
  state.put(std::uint16_t{16});
  state.put(std::uint32_t{1});
  state.put(kRings);
  state.put(kAvailable);
  state.put(kUsed);
  state.put(std::uint16_t{0});
  state.put(kImageSize / 512);
  return state.take();
}

// Offers a read of the first sector.
void offer_read(const memory::GuestMemory& memory) {
  const auto describe = [&](std::uint64_t index, std::uint64_t address, std::uint32_t length,
                            std::uint16_t flags) {
    const std::uint64_t at = kRings + 16 * index;
    memory.write_value(GuestAddress{at}, address);
    memory.write_value(GuestAddress{at + 8}, length);
    memory.write_value(GuestAddress{at + 12}, flags);
    memory.write_value(GuestAddress{at + 14}, static_cast<std::uint16_t>(index + 1));
  };
  describe(0, kHeader, 16, 1);
  describe(1, kData, 512, 1 | 2);
  describe(2, kStatus, 1, 2);
  memory.write_value(GuestAddress{kAvailable + 2}, std::uint16_t{1});
}

base::UniqueFd make_image() {
  base::UniqueFd image(::memfd_create("image", MFD_CLOEXEC));
  REQUIRE(::ftruncate(image.get(), kImageSize) == 0);
  return image;
}

std::unique_ptr<Machine> make_machine(base::UniqueFd image) {
  try {
    return std::make_unique<Machine>(
        MachineShape{
            .vcpus = 1, .memory = memory::kMinimumSize, .guest_cid = 3, .has_root_disk = true},
        std::move(image), "image", VmAttachments{});
  } catch (const Error& error) {
    SKIP(error.what());
    throw;
  }
}

// Returns the descriptor of the only io_uring of this process.
int find_ring() {
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code gone;
    if (std::filesystem::read_symlink(entry.path(), gone).string().find("[io_uring]") !=
        std::string::npos) {
      return std::stoi(entry.path().filename());
    }
  }
  return -1;
}

TEST_CASE("a machine that cannot be paused runs on, and can be paused when it is possible again") {
  if (const auto availability = uring::available(); !availability) {
    SKIP("io_uring is not available: " << availability.reason);
  }
  const test::ScratchDirectory directory;
  write_kernel(directory.path() / "kernel");
  auto saved = make_machine(make_image());
  saved->load_kernel(base::open_if_named(directory.path() / "kernel"), {}, "x");
  auto sections = saved->save();
  std::ranges::find(sections, "virtio-blk", &format::Section::name)->bytes = disk_state();

  base::UniqueFd image = make_image();
  const int disk = image.get();
  const auto machine = make_machine(std::move(image));
  const memory::GuestMemory& memory = machine->memory();
  std::ranges::copy(saved->memory().host().first(20 << 20), memory.host().begin());
  saved.reset();
  offer_read(memory);
  machine->restore(sections, "state", MonotonicClock::continued);

  // The disk does not answer until the test writes to the pipe.
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  const base::UniqueFd source(ends[0]);
  const base::UniqueFd sink(ends[1]);
  REQUIRE(::dup2(source.get(), disk) == disk);
  machine->resume();

  const int ring = find_ring();
  REQUIRE(ring >= 0);
  const base::UniqueFd kept(::dup(ring));
  const base::UniqueFd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  REQUIRE(::dup2(null.get(), ring) == ring);
  CHECK_THROWS_AS(machine->pause(), Error);
  REQUIRE(::dup2(kept.get(), ring) == ring);

  CHECK(machine->state() == VmState::running);
  const auto counter = [&] { return memory.read_value<std::uint32_t>(kCounter).value(); };
  const std::uint32_t before = counter();
  for (int i = 0; i < 10000 && counter() == before; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  CHECK(counter() != before);

  const std::array<char, 512> sector{};
  REQUIRE(::write(sink.get(), sector.data(), sector.size()) == 512);
  machine->pause();
  CHECK(machine->state() == VmState::paused);
  CHECK(memory.read_value<std::uint16_t>(GuestAddress{kUsed + 2}) == 1);
}

}  // namespace
}  // namespace faasnap::machine
