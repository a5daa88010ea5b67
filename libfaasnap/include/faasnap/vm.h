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

class PagePrefetcher;
class PreparedVM;
class Snapshot;
struct SnapshotOptions;

// One KVM virtual machine: in process, with a thread per vCPU and one for its devices. Any number
// of them can live in a process.
//
// Owns everything it made; the destructor stops the guest, joins the threads, and never throws.
// Movable. Every member function may be called from any thread but a callback of the same VM,
// except that moving and destroying need the caller's own exclusion. The threads block every
// signal, and no signal handler is installed: vCPUs are interrupted with SIGRTMIN, sent to their
// threads alone.
class FAASNAP_EXPORT VM {
 public:
  // Boots a kernel. Throws ErrorKind::unsupported without a usable /dev/kvm.
  static VM boot(const VmOptions& options);
  // Makes a VM from a snapshot, as `options.setting` says. Everything is checked before anything
  // runs. The snapshot may be restored as often and as concurrently as wanted; the VM keeps what it
  // needs of it.
  static VM restore(const Snapshot& snapshot, const RestoreOptions& options = {});

  // Does everything of a restore that can be done before there is a request: KVM objects, devices,
  // their saved state, mappings, fault handler and prefetcher are made. The result holds next to
  // nothing of the guest's data in memory.
  static PreparedVM prepare(const Snapshot& snapshot, const RestoreOptions& options = {});

  VM(VM&& other) noexcept;
  VM& operator=(VM&& other) noexcept;
  ~VM();

  VmState state() const;
  // The reason for VmState::internal_error or VmState::panicked; empty otherwise.
  std::string failure() const;
  // Waits until the state is final and returns it; returns nothing if `timeout` runs out first.
  std::optional<VmState> wait(Nanoseconds timeout = kForever);
  // Returns once every vCPU has left the guest and the devices have drained. No effect on a paused
  // VM; ErrorKind::guest when the state is final.
  void pause();
  void resume();
  // Ends the guest without asking it.
  void stop();

  // Returns a stream to the guest's vsock port `port`. Throws ErrorKind::guest if nothing listens
  // there or the guest ends, and ErrorKind::timeout.
  GuestStream connect(std::uint32_t port, Nanoseconds timeout);
  // Takes the guest's connections to the host's vsock port `port`: `accept` is called for each, on
  // the VM's device thread, and must not block.
  void listen(std::uint32_t port, std::function<void(GuestStream)> accept);
  // Types into the serial console.
  void write_console(std::string_view text);

  // Writes a snapshot of this VM as the new directory `path`, whole or not at all. A running VM is
  // paused meanwhile, and goes on afterwards.
  // A working set in `options` must have been recorded while this VM ran.
  Snapshot snapshot(const std::filesystem::path& path);
  Snapshot snapshot(const std::filesystem::path& path, const SnapshotOptions& options);

  VmCounters counters() const;
  // Zeros for a booted VM.
  RestoreStats restore_stats() const;
  // What this restore has loaded up to now, in the order in which it came.
  std::vector<PageLoad> loads() const;
  // The prefetcher of this restore; null when the setting has none.
  const PagePrefetcher* prefetcher() const noexcept;

 private:
  class Impl;
  friend class PreparedVM;
  friend class WorkingSetRecorder;
  explicit VM(std::unique_ptr<Impl> impl) noexcept;
  std::unique_ptr<Impl> impl_;
};

// A VM that is restored as far as it can be without running. Owns all of it, as a VM does.
class FAASNAP_EXPORT PreparedVM {
 public:
  PreparedVM(PreparedVM&& other) noexcept;
  PreparedVM& operator=(PreparedVM&& other) noexcept;
  ~PreparedVM();

  // The request is here: begins to load and, if RestoreOptions::start says so, lets the guest go.
  // Call once; what is left may only be destroyed.
  VM start();
  // What it holds of the host's memory while it waits: guest memory and buffers.
  Bytes memory() const;

 private:
  friend class VM;
  explicit PreparedVM(std::unique_ptr<VM::Impl> impl) noexcept;
  std::unique_ptr<VM::Impl> impl_;
};

}  // namespace faasnap
