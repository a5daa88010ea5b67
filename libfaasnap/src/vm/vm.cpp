// SPDX-License-Identifier: Apache-2.0

#include <faasnap/vm.h>

#include <utility>

#include "base/error.h"
#include "vm/local_vm.h"
#include "vm/remote_vm.h"
#include "vm/vm_files.h"
#include "vm/vm_impl.h"

namespace faasnap {

VM::VM(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
VM::VM(VM&& other) noexcept = default;
VM& VM::operator=(VM&& other) noexcept = default;
VM::~VM() = default;

VM VM::boot(const VmOptions& options) {
  BootFiles files = open_boot_files(options);
  std::unique_ptr<Impl> impl;
  if (options.worker) {
    impl = std::make_unique<RemoteVm>(options, std::move(files));
  } else {
    impl = std::make_unique<LocalVm>(options, std::move(files));
  }
  impl->start();
  return VM(std::move(impl));
}

std::unique_ptr<VM::Impl> VM::make(const Snapshot& snapshot, const RestoreOptions& options,
                                   bool prepared) {
  RootImage root_image = open_root_image(opened(snapshot), options);
  std::vector<base::UniqueFd> disks = make_disk_files(opened(snapshot), options.attachments);
  if (options.worker) {
    return std::make_unique<RemoteVm>(snapshot, options, root_image, disks, prepared);
  }
  return std::make_unique<LocalVm>(snapshot, options, std::move(root_image), std::move(disks),
                                   prepared);
}

VM VM::restore(const Snapshot& snapshot, const RestoreOptions& options) {
  auto impl = make(snapshot, options, false);
  impl->start();
  return VM(std::move(impl));
}

PreparedVM VM::prepare(const Snapshot& snapshot, const RestoreOptions& options) {
  return PreparedVM(make(snapshot, options, true));
}

std::string VM::id() const { return impl_->id(); }
std::optional<WorkerInfo> VM::worker() const { return impl_->worker(); }
VmState VM::state() const { return impl_->state(); }
std::string VM::failure() const { return impl_->failure(); }
std::optional<VmState> VM::wait(Nanoseconds timeout) { return impl_->wait(timeout); }
const GuestLimits& VM::limits() const noexcept { return impl_->limits(); }
void VM::pause() { impl_->pause(); }
void VM::resume() { impl_->resume(); }
void VM::stop() { impl_->stop(); }

GuestStream VM::connect(std::uint32_t port, Nanoseconds timeout) {
  return impl_->connect(port, timeout);
}

void VM::listen(std::uint32_t port, std::function<void(GuestStream)> accept) {
  impl_->listen(port, std::move(accept));
}

void VM::write_console(std::string_view text) { impl_->write_console(text); }

Snapshot VM::snapshot(const std::filesystem::path& path) { return snapshot(path, {}); }

Snapshot VM::snapshot(const std::filesystem::path& path, const SnapshotOptions& options) {
  return impl_->snapshot(path, options);
}

VmStats VM::stats() const { return impl_->stats(); }
MemoryUsage VM::memory_usage() const { return impl_->memory_usage(); }
std::vector<PageLoad> VM::loads() const { return impl_->loads(); }
void VM::wait_loaded() const { impl_->wait_loaded(); }

PreparedVM::PreparedVM(std::unique_ptr<VM::Impl> impl) noexcept : impl_(std::move(impl)) {}
PreparedVM::PreparedVM(PreparedVM&& other) noexcept = default;
PreparedVM& PreparedVM::operator=(PreparedVM&& other) noexcept = default;
PreparedVM::~PreparedVM() = default;

VM PreparedVM::start() {
  if (!impl_) {
    base::fail(ErrorKind::invalid_argument, "start prepared virtual machine", {},
               "already started");
  }
  auto impl = std::move(impl_);
  impl->start();
  return VM(std::move(impl));
}

Bytes PreparedVM::memory() const { return impl_ ? impl_->memory() : Bytes{}; }

}  // namespace faasnap
