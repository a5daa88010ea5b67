#include <faasnap/vm.h>

#include "api/vm_impl.h"
#include "base/error.h"
#include "base/fd.h"

namespace faasnap {

VM::VM(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
VM::VM(VM&& other) noexcept = default;
VM& VM::operator=(VM&& other) noexcept = default;
VM::~VM() = default;

VM VM::boot(const VmOptions& options) { return VM(std::make_unique<Impl>(options)); }

VM VM::restore(const Snapshot& snapshot, const RestoreOptions& options) {
  auto impl = std::make_unique<Impl>(snapshot, options, Impl::Prepared::just_now);
  impl->start();
  return VM(std::move(impl));
}

PreparedVM VM::prepare(const Snapshot& snapshot, const RestoreOptions& options) {
  return PreparedVM(std::make_unique<Impl>(snapshot, options, Impl::Prepared::ahead));
}

VmState VM::state() const { return impl_->machine().state(); }
std::string VM::failure() const { return impl_->machine().failure(); }
std::optional<VmState> VM::wait(Nanoseconds timeout) { return impl_->machine().wait(timeout); }
void VM::pause() { impl_->machine().pause(); }
void VM::resume() { impl_->machine().resume(); }
void VM::stop() { impl_->machine().stop(); }

GuestStream VM::connect(std::uint32_t port, Nanoseconds timeout) {
  return GuestStream(impl_->machine().connect(port, timeout).release());
}

void VM::listen(std::uint32_t port, std::function<void(GuestStream)> accept) {
  impl_->machine().listen(port, [accept = std::move(accept)](base::UniqueFd stream) {
    accept(GuestStream(stream.release()));
  });
}

void VM::write_console(std::string_view text) { impl_->machine().type(text); }

Snapshot VM::snapshot(const std::filesystem::path& path) { return snapshot(path, {}); }

Snapshot VM::snapshot(const std::filesystem::path& path, const SnapshotOptions& options) {
  return impl_->snapshot(path, options);
}

VmCounters VM::counters() const { return impl_->counters(); }
RestoreStats VM::restore_stats() const { return impl_->restore_stats(); }

std::vector<PageLoad> VM::loads() const {
  return impl_->pager() != nullptr ? impl_->pager()->loads() : std::vector<PageLoad>{};
}

const PagePrefetcher* VM::prefetcher() const noexcept { return impl_->prefetcher(); }

PreparedVM::PreparedVM(std::unique_ptr<VM::Impl> impl) noexcept : impl_(std::move(impl)) {}
PreparedVM::PreparedVM(PreparedVM&& other) noexcept = default;
PreparedVM& PreparedVM::operator=(PreparedVM&& other) noexcept = default;
PreparedVM::~PreparedVM() = default;

VM PreparedVM::start() {
  if (!impl_) {
    base::fail(ErrorKind::invalid_argument, "start prepared virtual machine", {},
               "it has been started already");
  }
  auto impl = std::move(impl_);
  impl->start();
  return VM(std::move(impl));
}

Bytes PreparedVM::memory() const { return impl_ ? impl_->memory() : Bytes{}; }

}  // namespace faasnap
