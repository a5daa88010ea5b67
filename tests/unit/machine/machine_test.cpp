// SPDX-License-Identifier: Apache-2.0

#include "machine/machine.h"

#include <linux/kvm.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <future>
#include <iterator>
#include <memory>
#include <string>
#include <thread>

#include "boot/layout.h"
#include "support/support.h"

namespace faasnap::machine {
namespace {

using test::error_of;

// Two vCPUs with nothing to run; skips where there is no /dev/kvm.
std::unique_ptr<Machine> make_machine() {
  try {
    return std::make_unique<Machine>(
        MachineShape{.vcpus = 2, .memory = memory::kMinimumSize, .guest_cid = 3}, base::UniqueFd(),
        std::filesystem::path(), VmAttachments{});
  } catch (const Error& error) {
    SKIP(error.what());
    throw;
  }
}

TEST_CASE(
    "a machine that cannot be completed ends its threads before its devices, and leaves nothing") {
  make_machine();  // skips where there is no KVM
  const test::ScratchDirectory directory;
  const auto socket = directory.path() / "vsock";
  std::atomic<bool> done = false;
  // Keeps the loop busy with the hybrid socket while the machine goes.
  std::thread clients([&] {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, socket.c_str(), sizeof(address.sun_path) - 1);
    while (!done) {
      const base::UniqueFd client(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
      ::connect(client.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address));
    }
  });
  for (int i = 0; i < 20; ++i) {
    base::UniqueFd odd(::memfd_create("odd", MFD_CLOEXEC));
    REQUIRE(::ftruncate(odd.get(), 511) == 0);
    VmAttachments attachments;
    attachments.vsock_socket = socket;
    const MachineShape shape{
        .vcpus = 1, .memory = memory::kMinimumSize, .guest_cid = 3, .has_root_disk = true};
    const Error error = error_of([&] { Machine(shape, std::move(odd), "odd", attachments); });
    CHECK(error.kind() == ErrorKind::invalid_argument);
    CHECK_FALSE(std::filesystem::exists(socket));
  }
  done = true;
  clients.join();
}

TEST_CASE("a machine takes no more than nine descriptors besides its disk and memory") {
  make_machine();  // skips where there is no KVM
  const auto descriptors = [] {
    const std::filesystem::directory_iterator open("/proc/self/fd");
    return std::distance(begin(open), end(open));
  };
  const auto before = descriptors();
  const Machine machine(MachineShape{.vcpus = 1,
                                     .memory = memory::kMinimumSize,
                                     .guest_cid = 3,
                                     .has_root_disk = false,
                                     .has_balloon = true},
                        {}, {}, {});
  CHECK(descriptors() - before <= 9);
}

TEST_CASE("a machine whose devices had no time to work is refused") {
  make_machine();  // skips where there is no KVM
  VmAttachments attachments;
  attachments.limits.device_slice = std::chrono::microseconds(99);
  const Error error = error_of([&] {
    Machine({.vcpus = 1, .memory = memory::kMinimumSize}, base::UniqueFd(), std::filesystem::path(),
            attachments);
  });
  CHECK(error.kind() == ErrorKind::invalid_argument);
  CHECK(std::string(error.what()).find("limits.device_slice is 99000 ns") != std::string::npos);
}

TEST_CASE("a machine that has failed says why, and never runs again") {
  const auto machine = make_machine();
  machine->fail("the disk is on fire");
  CHECK(machine->state() == VmState::internal_error);
  CHECK(machine->failure() == "the disk is on fire");
  CHECK(machine->wait(kForever) == VmState::internal_error);
  const Error error = error_of([&] { machine->resume(); });
  CHECK(error.kind() == ErrorKind::guest);
  CHECK(std::string(error.what()).find("the disk is on fire") != std::string::npos);
  CHECK(machine->first_entry() == Nanoseconds(0));
}

TEST_CASE("a wait that is nearly for ever lasts until the end") {
  const auto machine = make_machine();
  auto ended =
      std::async(std::launch::async, [&] { return machine->wait(kForever - Nanoseconds(1)); });
  CHECK(ended.wait_for(std::chrono::milliseconds(50)) == std::future_status::timeout);
  machine->stop();
  CHECK(ended.get() == VmState::stopped);
  CHECK(machine->wait(Nanoseconds::min()) == VmState::stopped);
}

TEST_CASE("a restored machine is told that it is another one") {
  const auto first = make_machine();
  const auto saved = first->save();
  const auto second = make_machine();
  second->restore(saved, "state", MonotonicClock::continued);
  using Value = std::array<std::uint8_t, 16>;
  CHECK(first->memory().read_value<Value>(boot::kVmGenId) == Value{});
  CHECK(second->memory().read_value<Value>(boot::kVmGenId) != Value{});
  // By an interrupt that the second 8259 has latched.
  const auto requested = [&] {
    const auto sections = second->save();
    const auto kvm = std::ranges::find(sections, "kvm", &format::Section::name);
    kvm_irqchip chip{};
    std::memcpy(&chip, kvm->bytes.data() + sizeof(chip), sizeof(chip));
    return (chip.chip.pic.irr & (1u << (boot::kGedGsi - 8))) != 0;
  };
  for (int i = 0; i < 500 && !requested(); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  CHECK(requested());
}

TEST_CASE("the first reason for an end is the one that is kept") {
  const auto machine = make_machine();
  machine->fail("first");
  machine->fail("second");
  machine->stop();
  CHECK(machine->state() == VmState::internal_error);
  CHECK(machine->failure() == "first");
}

TEST_CASE("a failure that crosses with a resume wins") {
  for (int i = 0; i < 20; ++i) {
    const auto machine = make_machine();
    std::thread failing([&] { machine->fail("crossed"); });
    try {
      machine->resume();
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::guest);
    }
    failing.join();
    CHECK(machine->state() == VmState::internal_error);
    machine->stop();  // returns, since every vCPU has left the guest
  }
}

TEST_CASE("whoever waits for a machine is told when another thread makes it fail") {
  const auto machine = make_machine();
  std::thread failing([&] { machine->fail("no more"); });
  CHECK(machine->wait(kForever) == VmState::internal_error);
  failing.join();
}

TEST_CASE("a page that devices cannot have ends the machine with what is wrong with the file") {
  const auto machine = make_machine();
  const base::UniqueFd file(::memfd_create("machine_test", MFD_CLOEXEC));
  REQUIRE(::ftruncate(file.get(), kPageSize) == 0);
  REQUIRE(::mmap(machine->memory().host().data(), kPageSize, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_FIXED, file.get(), 0) != MAP_FAILED);
  machine->guard_memory(
      {.intact = {}, .diagnose = [] { return std::string("memory: too short"); }});
  REQUIRE(::ftruncate(file.get(), 0) == 0);
  CHECK_FALSE(machine->memory().read_value<char>(memory::GuestAddress{8}).has_value());
  CHECK(machine->state() == VmState::internal_error);
  CHECK(machine->failure() == "guest memory is unavailable at page 0: memory: too short");
  // Memory that was available a moment ago is not trusted any more either.
  CHECK_FALSE(machine->memory().view(memory::GuestAddress{kPageSize}, 1).has_value());
}

TEST_CASE("whoever finds memory unavailable waits for the reason that another thread looks for") {
  const auto machine = make_machine();
  std::promise<void> looking;
  std::promise<void> found;
  machine->guard_memory({.intact = {}, .diagnose = [&] {
                           looking.set_value();
                           found.get_future().wait();
                           return std::string("memory: Input/output error");
                         }});
  std::thread first([&] { machine->memory().refuse({PageIndex{0}, 1}, "Bad address"); });
  looking.get_future().wait();
  machine->memory().refuse({PageIndex{1}, 1}, "Bad address");
  CHECK_FALSE(is_final(machine->state()));
  auto settled = std::async(std::launch::async, [&] { return machine->settled_state(); });
  found.set_value();
  first.join();
  CHECK(settled.get() == VmState::internal_error);
  CHECK(machine->failure().find("memory: Input/output error") != std::string::npos);
}

TEST_CASE("what is entered ahead of the guest is counted, and only where the host can") {
  const auto machine = make_machine();
  machine->prefill({PageIndex{0}, 4});
  CHECK(machine->prefilled_pages() == 0);
  machine->enable_prefill();
  machine->prefill({PageIndex{0}, 4});
  const bool supported = kvm::supports_pre_fault(kvm::System::open());
  CHECK(machine->prefilled_pages() == (supported ? 4 : 0));
}

}  // namespace
}  // namespace faasnap::machine
