// SPDX-License-Identifier: Apache-2.0

#include <faasnap/vm.h>

#include <utility>

#include "base/error.h"
#include "vm/local_vm.h"
#include "vm/vm_impl.h"

namespace faasnap {

VM::VM(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
VM::VM(VM&& other) noexcept = default;
VM& VM::operator=(VM&& other) noexcept = default;
VM::~VM() = default;

VM VM::boot(const VmOptions& options) { return VM(std::make_unique<LocalVm>(options)); }

VM VM::restore(const Snapshot& snapshot, const RestoreOptions& options) {
  auto impl = std::make_unique<LocalVm>(snapshot, options, LocalVm::Prepared::just_now);
  impl->start();
  return VM(std::move(impl));
}

PreparedVM VM::prepare(const Snapshot& snapshot, const RestoreOptions& options) {
  return PreparedVM(std::make_unique<LocalVm>(snapshot, options, LocalVm::Prepared::ahead));
}

std::string VM::id() const { return impl_->id(); }
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
