// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <faasnap/export.h>
#include <faasnap/guest_stream.h>
#include <faasnap/page_load.h>
#include <faasnap/restore_options.h>
#include <faasnap/units.h>
#include <faasnap/vm_options.h>
#include <faasnap/vm_state.h>
#include <faasnap/vm_stats.h>

namespace faasnap {

class PreparedVM;
class Snapshot;
struct SnapshotOptions;

// One KVM virtual machine with a thread for each vCPU and one for its devices, in this process or,
// if the options say so, in a worker of its own. A process may have any number of them.
//
// A VM owns everything that it made. The destructor stops the guest, joins the threads and never
// throws. Every member function may be called from any thread, except from a callback of the same
// VM; moving and destroying need the caller's own exclusion. The threads block every signal, and
// the library installs no signal handler: it interrupts vCPUs with SIGRTMIN, sent to their threads
// alone.
class FAASNAP_EXPORT VM {
 public:
  class Impl;

  // Boots a kernel. Throws ErrorKind::unsupported without a usable /dev/kvm.
  static VM boot(const VmOptions& options);

  // Restores a VM from a snapshot, as `options.setting` says. Checks everything before anything
  // runs; throws ErrorKind::corrupt if a file has been written to since Snapshot::open. A snapshot
  // may be restored any number of times, concurrently too; the VM keeps what it needs of it, so
  // `snapshot` may be destroyed before the VM.
  static VM restore(const Snapshot& snapshot, const RestoreOptions& options = {});

  // Does everything of a restore that is possible before there is a request: makes KVM objects,
  // devices, mappings, fault handler and loader, and sets the saved state. The result holds almost
  // none of the guest's data in memory.
  static PreparedVM prepare(const Snapshot& snapshot, const RestoreOptions& options = {});

  VM(VM&& other) noexcept;
  VM& operator=(VM&& other) noexcept;
  ~VM();

  // Returns 32 hexadecimal digits that no other VM has, restored or booted: by them a program in
  // the guest can tell that it has been restored since it last heard from the host.
  std::string id() const;
  VmState state() const;
  // Returns the reason for VmState::internal_error or VmState::panicked; empty otherwise.
  std::string failure() const;
  // Waits until the state is final and returns it. Returns std::nullopt if `timeout` passes first.
  std::optional<VmState> wait(Nanoseconds timeout = kForever);
  // Returns once every vCPU has left the guest and the devices have drained. No effect on a paused
  // VM. Throws ErrorKind::guest if the state is final.
  void pause();
  // Lets a paused VM run; at the end of the snapshot, if one is being made. Throws ErrorKind::guest
  // if the state is final.
  void resume();
  // Ends the guest without asking it. No effect if the state is final.
  void stop();

  // Returns a stream to the guest's vsock port `port`. Throws ErrorKind::guest if nothing listens
  // there or the guest ends, ErrorKind::limit if there are as many connections as
  // GuestLimits::connections allows, and ErrorKind::timeout.
  GuestStream connect(std::uint32_t port, Nanoseconds timeout);
  // Takes the guest's connections to the host's vsock port `port`. Calls `accept` for each, on the
  // VM's device thread; it must not block.
  void listen(std::uint32_t port, std::function<void(GuestStream)> accept);
  // Types `text` into the serial console.
  void write_console(std::string_view text);

  // Returns what the guest may spend, as the VM was made (VmAttachments::limits).
  const GuestLimits& limits() const noexcept;

  // Writes a snapshot of this VM as the new directory `path`, whole or not at all. The VM is paused
  // meanwhile, and afterwards runs or not as the last call of pause and resume says, also if that
  // came meanwhile. Throws ErrorKind::io, and leaves no snapshot, if a page of guest memory cannot
  // be read (which ends the VM), ErrorKind::corrupt if a file that it was restored from has been
  // written to since, and ErrorKind::guest if the VM ends meanwhile. A working set in `options`
  // must have been recorded while this VM ran.
  Snapshot snapshot(const std::filesystem::path& path);
  Snapshot snapshot(const std::filesystem::path& path, const SnapshotOptions& options);

  // Returns the process that the VM has for itself, nothing for a VM in this process.
  std::optional<WorkerInfo> worker() const;

  // Returns how the VM is doing, up to now. Reads a file in /proc for each vCPU, about 5
  // microseconds each: a server may ask after every request.
  VmStats stats() const;
  // Returns what guest memory takes of the host's memory. Reads /proc/self/smaps, for which the
  // kernel walks the page tables of the whole process: about 0.1 ms for each MiB in small pages, of
  // all its VMs, while mappings of the process may have to wait. Not for the path of a request.
  MemoryUsage memory_usage() const;
  // Returns what this restore has loaded up to now, in the order of loading. Empty for a booted VM.
  std::vector<PageLoad> loads() const;
  // Waits until the restore has loaded everything that it loads ahead of the guest's use. Throws
  // the first error of loading or of answering faults. Returns at once for a booted VM.
  void wait_loaded() const;

 private:
  friend class PreparedVM;
  friend class WorkingSetRecorder;
  static std::unique_ptr<Impl> make(const Snapshot& snapshot, const RestoreOptions& options,
                                    bool prepared);
  explicit VM(std::unique_ptr<Impl> impl) noexcept;
  std::unique_ptr<Impl> impl_;
};

// A VM that is restored as far as possible without running it. Owns everything that it made, as a
// VM does. Its member functions are for one thread at a time.
class FAASNAP_EXPORT PreparedVM {
 public:
  PreparedVM(PreparedVM&& other) noexcept;
  PreparedVM& operator=(PreparedVM&& other) noexcept;
  ~PreparedVM();

  // Starts loading and, unless RestoreOptions::start is false, the vCPUs: the request has come. May
  // be called once; afterwards this object may only be destroyed or assigned to.
  VM start();
  // Returns what it holds of the host's memory while it waits: guest memory and buffers. Takes
  // about a millisecond for 2 GiB of guest memory, however many VMs the process has.
  Bytes memory() const;

 private:
  friend class VM;
  explicit PreparedVM(std::unique_ptr<VM::Impl> impl) noexcept;
  std::unique_ptr<VM::Impl> impl_;
};

}  // namespace faasnap
