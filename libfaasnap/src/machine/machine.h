// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <faasnap/monotonic_clock.h>
#include <faasnap/vm_options.h>
#include <faasnap/vm_state.h>
#include <faasnap/vm_stats.h>

#include "base/bytes.h"
#include "base/files/file.h"
#include "base/threads/event_loop.h"
#include "format/state_file.h"
#include "kvm/system.h"
#include "kvm/vm_fd.h"
#include "machine/devices/bus.h"
#include "machine/devices/generation_id.h"
#include "machine/devices/power_control.h"
#include "machine/devices/serial.h"
#include "machine/devices/virtio_slot.h"
#include "machine/free_memory.h"
#include "machine/vcpus/second_stage_filler.h"
#include "machine/vcpus/vcpu_thread.h"
#include "memory/guest_memory.h"
#include "virtio/block/block_device.h"
#include "virtio/device_limits.h"
#include "virtio/net/net_device.h"
#include "virtio/vsock/vsock_device.h"

namespace faasnap::machine {

// Maximum number of disks besides the root disk: one for each slot that is left.
inline constexpr std::size_t kMaximumDisks = 4;

// A disk besides the root disk.
struct DiskShape {
  Bytes size;
  bool read_only = false;
};

// The shape of a machine: it must be equal in the machine that was saved and the one that is
// restored.
struct MachineShape {
  unsigned vcpus = 2;
  Bytes memory;
  std::uint32_t guest_cid = 3;
  bool has_root_disk = false;
  bool has_balloon = false;
  bool has_network = false;
  // The features that the network device offers; 0 at boot: what its end can do.
  std::uint64_t network_features = 0;
  std::vector<DiskShape> disks{};
};

// Returns where each disk has its pages in the file `disks` of a snapshot: one behind the other.
std::vector<PageRange> pages_of_disks(std::span<const DiskShape> disks);
// Returns how long that is.
Bytes size_of_disks(std::span<const DiskShape> disks);

// Returns the shape in a state file, which `file` names in messages. The values come from the file
// and are checked by the machine made of them.
MachineShape read_shape(std::span<const format::Section> sections,
                        const std::filesystem::path& file);

// Callbacks of a machine to the owner of its memory mappings. Called on threads of the machine;
// must neither throw nor touch guest memory.
struct MemoryBacking {
  // See PageGuard::Callbacks::intact.
  std::function<bool()> intact{};
  // Returns why a page is unavailable, with the name of the file.
  std::function<std::string()> diagnose{};
};

// One virtual machine: memory, KVM objects, devices, vCPU threads, and its life from building to
// the end. Built parked; boot or restore it, then resume.
//
// Public member functions may be called from any thread, except that only one thread at a time may
// use load_kernel, restore and save.
class Machine : private ExitHandler {
 public:
  // `root_disk` is the opened root image if the shape has one, `root_path` its name for messages.
  // `disks` are of the shape's sizes.
  Machine(const MachineShape& shape, base::UniqueFd root_disk,
          const std::filesystem::path& root_path, const VmAttachments& attachments,
          std::vector<virtio::DiskContent> disks = {});
  ~Machine() override;
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  const MachineShape& shape() const noexcept { return shape_; }
  const memory::GuestMemory& memory() const noexcept { return memory_; }

  // Declares that guest memory is mapped or about to be: devices touch no page that is unavailable,
  // and an unavailable page ends the guest with the reason from `backing`. May be called once,
  // before restore.
  void guard_memory(MemoryBacking backing);
  // Prepares memory and the vCPUs' registers for a kernel. `initramfs` may be empty.
  void load_kernel(const base::OpenFile& kernel, const base::OpenFile& initramfs,
                   std::string_view command_line);
  // Restores the state from `save`, and the guest's clock as `clock` says. Guest memory must have
  // its content already. Throws before any vCPU has run.
  void restore(std::span<const format::Section> sections, const std::filesystem::path& file,
               MonotonicClock clock);
  // Returns the machine's state. The machine must be paused.
  std::vector<format::Section> save();

  // Lets prefill() have an effect, if this host supports it. Must be called after restore, before
  // any other use of the machine.
  void enable_prefill();
  // Tells the machine that these pages have come into guest memory (SecondStageFiller). May be
  // called from any thread.
  void prefill(PageRange pages) noexcept;
  std::uint64_t prefilled_pages() const noexcept { return prefiller_ ? prefiller_->pages() : 0; }

  void resume();
  void pause();
  // Ends the guest; idempotent.
  void stop();
  // Ends the guest with VmState::internal_error because the host cannot continue it, for `reason`.
  // When it returns, no vCPU enters the guest again; those inside are on their way out. Does not
  // wait. May be called from any thread, also of the machine.
  void fail(const std::string& reason);
  // Ends the guest and the machine's threads: afterwards none of them touches guest memory.
  void shut_down();

  VmState state() const;
  // As state(), but while another thread finds out why guest memory is unavailable, waits for its
  // answer. Not for the machine's own threads.
  VmState settled_state();
  std::string failure() const;
  std::optional<VmState> wait(Nanoseconds timeout);

  base::UniqueFd connect(std::uint32_t port, Nanoseconds timeout);
  // Connects `stream`, a connected socket. Calls `done` once, on the devices' thread or before it
  // returns, with null or the reason of a failure. Closing the other end cancels the attempt.
  void connect(std::uint32_t port, base::UniqueFd stream,
               std::function<void(std::exception_ptr)> done);
  void listen(std::uint32_t port, std::function<void(base::UniqueFd)> accept);
  // Takes part in the hybrid form of vsock as VsockDevice::serve does, but for its `answer`, which
  // may be called from any thread.
  void serve_socket(base::UniqueFd listener, virtio::VsockDevice::ConnectOutside connect);
  void type(std::string_view text) { serial_.type(text); }
  LimitHits limit_hits() const;
  // Returns the sums over all disks.
  DiskStats disk_stats() const noexcept;
  // Returns the content of each disk besides the root disk, which does not change while the machine
  // is paused. The machine must be paused.
  std::vector<const virtio::DiskContent*> disks();
  NetworkStats network_stats() const { return net_ != nullptr ? net_->stats() : NetworkStats{}; }
  const GuestLimits& limits() const noexcept { return limits_.allowed; }

  // Sets whether free memory that the guest reports from now on is given back to the host.
  void give_back_free_memory(bool given_back) noexcept { free_memory_.set_given_back(given_back); }
  // Returns the pages given back, sorted and merged. The guest has lost their content but may have
  // used them again since.
  std::vector<PageRange> released_pages();
  // Return the totals reported by the guest and given back.
  Bytes reported_memory() const noexcept { return free_memory_.reported(); }
  Bytes released_memory() const noexcept { return free_memory_.released(); }

  // False if threads serve the disks because io_uring is forbidden.
  bool io_uring() const noexcept { return io_uring_; }

  // Returns the ids of the vCPU threads that have begun.
  std::vector<pid_t> vcpu_thread_ids() const;
  // Returns when a vCPU first entered the guest (CLOCK_MONOTONIC), or zero before that.
  Nanoseconds first_entry() const noexcept;

 private:
  void wire_devices(base::UniqueFd root_disk, const std::filesystem::path& root_path,
                    const VmAttachments& attachments, std::vector<virtio::DiskContent> disks);
  // Puts a disk into slot `slot`, which must be empty.
  std::unique_ptr<VirtioSlot> add_disk(unsigned slot, virtio::DiskContent content,
                                       const std::string& serial);
  // Returns the slots that the shape has, in the order of their windows.
  std::vector<VirtioSlot*> slots() const;
  void for_each_transport(const std::function<void(virtio::MmioTransport&)>& action);
  void drain_devices();
  void resume_devices();
  // Lets devices and vCPUs go on that were drained and parked.
  void let_run();
  void end(VmState state, std::string reason);
  // Ends the guest because its memory is unavailable. `place` follows "guest memory is unavailable"
  // in the message. `reason` is what was observed here, used if the diagnosis finds no fault with
  // the files.
  void fail_memory(const std::string& place, const std::string& reason);
  // Has nobody touch guest memory any more. The caller then ends the machine.
  void refuse_memory();
  // When it returns, no vCPU enters the guest.
  void halt() noexcept;
  void require_live(const char* operation) const;
  void require_live_locked(const char* operation) const;
  // Returns the previous state; throws if that is final.
  VmState enter_state(VmState next, const char* operation);

  void handle_io(const kvm::IoExit& exit) override;
  void handle_mmio(const kvm::MmioExit& exit) override;
  void handle_memory_fault(const kvm::MemoryFault& fault) override;
  void handle_end(VmState state, std::string reason) override;

  MachineShape shape_;
  LogSink log_;
  virtio::DeviceLimits limits_;
  kvm::System system_;
  memory::GuestMemory memory_;
  MemoryBacking backing_;
  kvm::VmFd vm_;
  base::EventLoop loop_;
  Bus ports_;
  Bus addresses_;
  Serial serial_;
  PowerControl power_;
  KeyboardReset keyboard_;
  GenerationId generation_;
  FreeMemory free_memory_;
  std::unique_ptr<VirtioSlot> balloon_;
  std::unique_ptr<VirtioSlot> disk_;
  std::unique_ptr<VirtioSlot> socket_;
  std::unique_ptr<VirtioSlot> network_;
  std::vector<std::unique_ptr<VirtioSlot>> disks_;
  virtio::VsockDevice* vsock_ = nullptr;
  virtio::NetDevice* net_ = nullptr;          // null without a network
  std::vector<virtio::BlockDevice*> blocks_;  // the root disk first, if there is one
  bool io_uring_ = true;
  std::vector<std::unique_ptr<VcpuThread>> vcpus_;
  std::unique_ptr<SecondStageFiller> prefiller_;
  // Ends the loop's thread before the devices go, also when the constructor has thrown.
  struct LoopEnd {
    base::EventLoop& loop;
    ~LoopEnd() { loop.stop(); }
  } loop_end_{loop_};

  std::mutex lifecycle_;  // one pause, resume, save or stop at a time
  mutable std::mutex state_mutex_;
  std::condition_variable ended_;
  VmState state_ = VmState::paused;
  std::string failure_;
  bool ending_ = false;
};

}  // namespace faasnap::machine
