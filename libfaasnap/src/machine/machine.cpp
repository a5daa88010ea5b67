// SPDX-License-Identifier: Apache-2.0

#include "machine/machine.h"

#include <fmt/format.h>

#include <algorithm>
#include <future>
#include <utility>

#include "base/clock.h"
#include "base/deadline.h"
#include "base/error.h"
#include "base/exception.h"
#include "base/vm_state.h"
#include "boot/layout.h"
#include "machine/devices/network_end.h"
#include "virtio/balloon/balloon_device.h"
#include "virtio/vsock/hybrid_path.h"

namespace faasnap::machine {
namespace {

constexpr const char* kConnect = "connect to guest";
constexpr unsigned kMaximumVcpus = 8;
constexpr std::uint32_t kMinimumCid = 3;  // the hypervisor and the host use the lower ones
constexpr unsigned kSocketSlot = 0;
constexpr unsigned kDiskSlot = 1;
constexpr unsigned kBalloonSlot = 2;
constexpr unsigned kNetworkSlot = 3;
constexpr unsigned kFirstDiskSlot = 4;
static_assert(kFirstDiskSlot + kMaximumDisks == boot::kMaximumVirtioDevices);

MachineShape checked(const MachineShape& shape) {
  const auto reject = [](const std::string& reason) {
    base::fail(ErrorKind::invalid_argument, "create virtual machine", {}, reason);
  };
  if (shape.vcpus < 1 || shape.vcpus > kMaximumVcpus) {
    reject(fmt::format("vcpus is {}, expected 1 to {}", shape.vcpus, kMaximumVcpus));
  }
  if (shape.guest_cid < kMinimumCid || shape.guest_cid == UINT32_MAX) {
    reject(fmt::format("guest_cid is {}, expected {} to {}", shape.guest_cid, kMinimumCid,
                       UINT32_MAX - 1));
  }
  if (shape.disks.size() > kMaximumDisks) {
    reject(fmt::format("{} disks besides the root disk, expected at most {}", shape.disks.size(),
                       kMaximumDisks));
  }
  return shape;
}

// A shorter time could be over before a device has done anything.
constexpr Nanoseconds kMinimumSlice = std::chrono::microseconds(100);

const GuestLimits& checked(const GuestLimits& limits) {
  if (limits.device_slice < kMinimumSlice) {
    base::fail(ErrorKind::invalid_argument, "create virtual machine", {},
               fmt::format("limits.device_slice is {} ns, expected at least {}",
                           limits.device_slice.count(), kMinimumSlice.count()));
  }
  return limits;
}

}  // namespace

Machine::Machine(const MachineShape& shape, base::UniqueFd root_disk,
                 const std::filesystem::path& root_path, const VmAttachments& attachments,
                 std::vector<virtio::DiskContent> disks)
    : shape_(checked(shape)),
      log_(attachments.log),
      limits_{.allowed = checked(attachments.limits)},
      system_(kvm::System::open()),
      memory_(shape.memory,
              attachments.expose_memory ? base::Exposure::exposed : base::Exposure::hidden),
      vm_(system_),
      loop_([this](std::exception_ptr failure) { fail(base::describe(failure)); }),
      serial_(attachments.console, limits_.allowed.console,
              [this] { vm_.raise_interrupt(boot::kSerialGsi); }),
      power_([this](VmState state) { end(state, {}); }),
      keyboard_([this](VmState state) { end(state, {}); }),
      generation_(memory_, boot::kVmGenId),
      free_memory_(memory_) {
  vm_.map_memory(memory_);
  for (unsigned id = 0; id < shape_.vcpus; ++id) {
    vcpus_.push_back(std::make_unique<VcpuThread>(kvm::VcpuFd(system_, vm_, id, shape_.vcpus), id,
                                                  static_cast<ExitHandler&>(*this)));
  }
  wire_devices(std::move(root_disk), root_path, attachments, std::move(disks));
}

Machine::~Machine() { shut_down(); }

void Machine::wire_devices(base::UniqueFd root_disk, const std::filesystem::path& root_path,
                           const VmAttachments& attachments,
                           std::vector<virtio::DiskContent> disks) {
  ports_.add(boot::kSerialPort, boot::kSerialPortCount, serial_);
  ports_.add(boot::kSleepControlPort, PowerControl::kPorts, power_);
  ports_.add(KeyboardReset::kBase, KeyboardReset::kPorts, keyboard_);

  auto vsock = std::make_unique<virtio::VsockDevice>(loop_, shape_.guest_cid, limits_, log_);
  vsock_ = vsock.get();
  socket_ = std::make_unique<VirtioSlot>(kSocketSlot, loop_, memory_, std::move(vsock), vm_, log_);
  addresses_.add(VirtioSlot::window(kSocketSlot).value, boot::kVirtioMmioSize, *socket_);
  if (!attachments.vsock_socket.empty()) {
    const auto path = std::make_shared<virtio::HybridPath>(attachments.vsock_socket);
    serve_socket(path->take_listener(),
                 [path](std::uint32_t port, const auto& answer) { answer(path->connect(port)); });
  }
  if (shape_.has_root_disk) {
    disk_ = add_disk(kDiskSlot, virtio::DiskContent::of_image(std::move(root_disk), root_path),
                     "faasnap-root");
  }
  if (shape_.has_balloon) {
    auto balloon = std::make_unique<virtio::BalloonDevice>(loop_, memory_, free_memory_, limits_);
    balloon_ =
        std::make_unique<VirtioSlot>(kBalloonSlot, loop_, memory_, std::move(balloon), vm_, log_);
    addresses_.add(VirtioSlot::window(kBalloonSlot).value, boot::kVirtioMmioSize, *balloon_);
  }
  if (shape_.has_network) {
    auto network = std::make_unique<virtio::NetDevice>(
        loop_, make_network_end(attachments.network),
        network_identity(attachments.network, shape_.network_features), limits_, log_);
    net_ = network.get();
    network_ =
        std::make_unique<VirtioSlot>(kNetworkSlot, loop_, memory_, std::move(network), vm_, log_);
    addresses_.add(VirtioSlot::window(kNetworkSlot).value, boot::kVirtioMmioSize, *network_);
  }
  for (virtio::DiskContent& content : disks) {
    const auto index = static_cast<unsigned>(disks_.size());
    disks_.push_back(add_disk(kFirstDiskSlot + index, std::move(content),
                              fmt::format("faasnap-disk-{}", index + 1)));
  }
}

std::unique_ptr<VirtioSlot> Machine::add_disk(unsigned slot, virtio::DiskContent content,
                                              const std::string& serial) {
  auto disk = std::make_unique<virtio::BlockDevice>(loop_, std::move(content), serial, limits_);
  io_uring_ = io_uring_ && disk->io_uring();
  blocks_.push_back(disk.get());
  auto placed = std::make_unique<VirtioSlot>(slot, loop_, memory_, std::move(disk), vm_, log_);
  addresses_.add(VirtioSlot::window(slot).value, boot::kVirtioMmioSize, *placed);
  return placed;
}

void Machine::serve_socket(base::UniqueFd listener, virtio::VsockDevice::ConnectOutside connect) {
  loop_.run([&] {
    vsock_->serve(std::move(listener), [this, connect = std::move(connect)](
                                           std::uint32_t port, virtio::VsockDevice::Accept answer) {
      connect(port, [this, answer = std::move(answer)](base::UniqueFd stream) {
        loop_.run([&] { answer(std::move(stream)); });
      });
    });
  });
}

std::vector<VirtioSlot*> Machine::slots() const {
  std::vector<VirtioSlot*> present;
  for (const auto* slot : {&socket_, &disk_, &balloon_, &network_}) {
    if (*slot) {
      present.push_back(slot->get());
    }
  }
  for (const auto& slot : disks_) {
    present.push_back(slot.get());
  }
  return present;
}

void Machine::for_each_transport(const std::function<void(virtio::MmioTransport&)>& action) {
  loop_.run([&] {
    for (VirtioSlot* slot : slots()) {
      action(slot->transport());
    }
  });
}

void Machine::drain_devices() {
  for_each_transport([](virtio::MmioTransport& transport) { transport.drain(); });
}

void Machine::resume_devices() {
  for_each_transport([](virtio::MmioTransport& transport) { transport.resume(); });
}

base::UniqueFd Machine::connect(std::uint32_t port, Nanoseconds timeout) {
  const base::Deadline deadline(timeout);
  auto [ours, theirs] = base::make_stream_pair();
  auto answer = std::make_shared<std::promise<void>>();
  auto accepted = answer->get_future();
  connect(port, std::move(theirs), [answer](std::exception_ptr failure) {
    failure ? answer->set_exception(std::move(failure)) : answer->set_value();
  });
  // The device also answers when the guest ends.
  if (accepted.wait_until(deadline.end()) != std::future_status::ready) {
    require_live(kConnect);
    // Closing our end makes the device cancel the attempt.
    base::fail(ErrorKind::timeout, kConnect, {},
               fmt::format("vsock port {} did not answer in time", port));
  }
  accepted.get();
  return std::move(ours);
}

void Machine::connect(std::uint32_t port, base::UniqueFd stream,
                      std::function<void(std::exception_ptr)> done) {
  require_live(kConnect);
  loop_.run([&] {
    vsock_->connect(port, std::move(stream), [this, port, done = std::move(done)](bool accepted) {
      std::exception_ptr failure;
      try {
        require_live(kConnect);
        if (!accepted) {
          base::fail(ErrorKind::guest, kConnect, {},
                     fmt::format("nothing listens on vsock port {}", port));
        }
      } catch (const Error&) {
        failure = std::current_exception();
      }
      done(failure);
    });
  });
}

void Machine::listen(std::uint32_t port, std::function<void(base::UniqueFd)> accept) {
  loop_.run([&] { vsock_->listen(port, std::move(accept)); });
}

void Machine::enable_prefill() {
  if (kvm::supports_pre_fault(system_)) {
    prefiller_ = std::make_unique<SecondStageFiller>(
        kvm::VcpuFd(system_, vm_, shape_.vcpus, shape_.vcpus), memory_);
  }
}

void Machine::prefill(PageRange pages) noexcept {
  if (prefiller_) {
    prefiller_->enter(pages);
  }
}

LimitHits Machine::limit_hits() const {
  return {.dropped_console = {serial_.dropped()},
          .refused_connections = limits_.refused_connections,
          .dropped_connections = limits_.dropped_connections,
          .delayed_reads = limits_.delayed_reads,
          .device_slices = limits_.slices,
          .network_waits = limits_.network_waits,
          .disk_waits = limits_.disk_waits};
}

DiskStats Machine::disk_stats() const noexcept {
  DiskStats sum;
  for (const virtio::BlockDevice* disk : blocks_) {
    const DiskStats stats = disk->stats();
    sum.reads += stats.reads;
    sum.read += stats.read;
    sum.writes += stats.writes;
    sum.written += stats.written;
    sum.flushes += stats.flushes;
    sum.discards += stats.discards;
    sum.failed += stats.failed;
  }
  return sum;
}

std::vector<const virtio::DiskContent*> Machine::disks() {
  std::vector<const virtio::DiskContent*> contents;
  // On the devices' thread, so that what it has noted of them is seen here.
  loop_.run([&] {
    for (const virtio::BlockDevice* disk : std::span(blocks_).last(disks_.size())) {
      contents.push_back(&disk->content());
    }
  });
  return contents;
}

std::vector<PageRange> Machine::released_pages() {
  std::vector<PageRange> pages;
  loop_.run([&] { pages = free_memory_.released_pages(); });
  return pages;
}

void Machine::handle_io(const kvm::IoExit& exit) {
  for (std::uint32_t i = 0; i < exit.count; ++i) {
    const std::span item(exit.data + std::size_t{i} * exit.size, exit.size);
    if (exit.out) {
      ports_.write(exit.port, item);
    } else {
      ports_.read(exit.port, item);
    }
  }
}

void Machine::handle_mmio(const kvm::MmioExit& exit) {
  const std::span data(exit.data, exit.length);
  if (exit.write) {
    addresses_.write(exit.address.value, data);
  } else {
    addresses_.read(exit.address.value, data);
  }
}

void Machine::handle_memory_fault(const kvm::MemoryFault& fault) {
  fail_memory(fault.address ? fmt::format(" at {:#x}", fault.address->value) : std::string(),
              fault.reason);
}

void Machine::handle_end(VmState state, std::string reason) { end(state, std::move(reason)); }

void Machine::resume() {
  const std::lock_guard lock(lifecycle_);
  if (enter_state(VmState::running, "resume virtual machine") == VmState::running) {
    return;
  }
  let_run();
}

void Machine::let_run() {
  resume_devices();
  // Has no effect on vCPUs whose machine has ended since.
  for (const auto& vcpu : vcpus_) {
    vcpu->vcpu().notify_guest_paused();
    vcpu->resume();
  }
}

void Machine::pause() {
  static constexpr const char* kOperation = "pause virtual machine";
  const std::lock_guard lock(lifecycle_);
  require_live(kOperation);
  for (const auto& vcpu : vcpus_) {
    vcpu->request_pause();
  }
  for (const auto& vcpu : vcpus_) {
    vcpu->wait_parked();
  }
  try {
    drain_devices();
    enter_state(VmState::paused, kOperation);
  } catch (...) {
    let_run();  // the machine has not been paused, so it runs as before
    throw;
  }
}

void Machine::stop() {
  end(VmState::stopped, {});
  const std::lock_guard lock(lifecycle_);
  for (const auto& vcpu : vcpus_) {
    vcpu->wait_parked();
  }
}

void Machine::shut_down() {
  stop();
  for (const auto& vcpu : vcpus_) {
    vcpu->stop();
  }
  // From here on the devices belong to the caller's thread.
  loop_.stop();
}

void Machine::fail(const std::string& reason) { end(VmState::internal_error, reason); }

void Machine::guard_memory(MemoryBacking backing) {
  backing_ = std::move(backing);
  memory_.guard(
      {.intact = backing_.intact, .refused = [this](PageRange pages, const std::string& reason) {
         fail_memory(
             pages.count == 0 ? std::string() : fmt::format(" at page {}", pages.first.value),
             reason);
       }});
}

void Machine::fail_memory(const std::string& place, const std::string& reason) {
  // Diagnosing may be slow; stop everybody first so that nobody runs with incomplete memory.
  refuse_memory();
  halt();
  const std::string cause = backing_.diagnose ? backing_.diagnose() : std::string();
  fail(fmt::format("guest memory is unavailable{}: {}", place, cause.empty() ? reason : cause));
}

void Machine::refuse_memory() {
  {
    const std::lock_guard lock(state_mutex_);
    ending_ = true;
  }
  memory_.close_guard();
}

void Machine::halt() noexcept {
  for (const auto& vcpu : vcpus_) {
    vcpu->halt();
  }
}

void Machine::end(VmState state, std::string reason) {
  // Halts first, even if another thread is about to do so: callers of fail() rely on it.
  if (state == VmState::internal_error) {
    refuse_memory();
  }
  halt();
  {
    const std::lock_guard lock(state_mutex_);
    if (is_final(state_)) {
      return;
    }
    state_ = state;
    failure_ = std::move(reason);
  }
  // The host's ends of the guest's streams must see that the guest is gone.
  loop_.post([this] {
    for (VirtioSlot* slot : slots()) {
      slot->reset();
    }
    if (vsock_ != nullptr) {
      vsock_->close();
    }
  });
  ended_.notify_all();
}

void Machine::require_live(const char* operation) const {
  const std::lock_guard lock(state_mutex_);
  require_live_locked(operation);
}

void Machine::require_live_locked(const char* operation) const {
  if (is_final(state_)) {
    base::fail(ErrorKind::guest, operation, {}, base::describe_end(state_, failure_));
  }
}

VmState Machine::enter_state(VmState next, const char* operation) {
  const std::lock_guard lock(state_mutex_);
  require_live_locked(operation);
  return std::exchange(state_, next);
}

VmState Machine::state() const {
  const std::lock_guard lock(state_mutex_);
  return state_;
}

VmState Machine::settled_state() {
  std::unique_lock lock(state_mutex_);
  ended_.wait(lock, [&] { return !ending_ || is_final(state_); });
  return state_;
}

std::string Machine::failure() const {
  const std::lock_guard lock(state_mutex_);
  return failure_;
}

std::optional<VmState> Machine::wait(Nanoseconds timeout) {
  const base::Deadline deadline(timeout);
  std::unique_lock lock(state_mutex_);
  const auto ended = [&] { return is_final(state_); };
  if (!ended_.wait_until(lock, deadline.end(), ended)) {
    return std::nullopt;
  }
  return state_;
}

std::vector<pid_t> Machine::vcpu_thread_ids() const {
  std::vector<pid_t> ids;
  for (const auto& vcpu : vcpus_) {
    if (const pid_t id = vcpu->thread_id(); id != 0) {
      ids.push_back(id);
    }
  }
  return ids;
}

Nanoseconds Machine::first_entry() const noexcept {
  Nanoseconds first{0};
  for (const auto& vcpu : vcpus_) {
    const Nanoseconds entry = vcpu->first_entry();
    if (entry != Nanoseconds(0) && (first == Nanoseconds(0) || entry < first)) {
      first = entry;
    }
  }
  return first;
}

}  // namespace faasnap::machine
