#include <fmt/format.h>

#include <utility>

#include "base/error.h"
#include "machine/machine.h"

// A machine's life: paused, running, and the one end that it meets.
namespace faasnap::machine {

void Machine::resume() {
  const std::lock_guard lock(lifecycle_);
  if (enter_state(VmState::running, "resume virtual machine") == VmState::running) {
    return;
  }
  resume_devices();
  // Without effect on vCPUs whose machine has met its end since.
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
  drain_devices();
  enter_state(VmState::paused, kOperation);
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
  // From here on the devices are the caller's thread's.
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
  // Finding out why may take its time, in which nobody should work on with half of a memory.
  memory_.close_guard();
  halt();
  const std::string cause = backing_.diagnose ? backing_.diagnose() : std::string();
  fail(fmt::format("guest memory cannot be had{}: {}", place, cause.empty() ? reason : cause));
}

void Machine::halt() noexcept {
  for (const auto& vcpu : vcpus_) {
    vcpu->halt();
  }
}

void Machine::end(VmState state, std::string reason) {
  // First, and even if somebody else is about to do it: whoever calls fail() relies on it.
  if (state == VmState::internal_error) {
    memory_.close_guard();
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
  // The host's ends of the guest's streams must see that nobody is left to answer.
  loop_.post([this] {
    for (VirtioSlot* slot : slots()) {
      slot->reset();
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
    base::fail(ErrorKind::guest, operation, {},
               fmt::format("the guest has ended: {}{}{}", to_string(state_),
                           failure_.empty() ? "" : ": ", failure_));
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

std::string Machine::failure() const {
  const std::lock_guard lock(state_mutex_);
  return failure_;
}

std::optional<VmState> Machine::wait(Nanoseconds timeout) {
  std::unique_lock lock(state_mutex_);
  const auto ended = [&] { return is_final(state_); };
  if (timeout == Nanoseconds(0)) {
    ended_.wait(lock, ended);
  } else if (!ended_.wait_for(lock, timeout, ended)) {
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
