// SPDX-License-Identifier: Apache-2.0

#include <faasnap/function_host.h>

#include <fmt/format.h>

#include <cstdint>
#include <mutex>
#include <utility>

#include <faasnap/guest_channel.h>
#include <faasnap/object_store_server.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/progress.h"
#include "function/agent_reply.h"
#include "function/console_tail.h"
#include "function/free_memory.h"
#include "function/network_text.h"

namespace faasnap {
namespace {

constexpr const char* kBooting = "boot guest";
constexpr const char* kSettingNetwork = "set guest's network";
constexpr const char* kInvoking = "invoke function";
constexpr int kOk = 200;
constexpr int kNotFound = 404;

// The agent gives up at once when it is to serve a function that the image lacks. For everything
// else the console's last line says best what has happened.
[[noreturn]] void fail_boot(const Error& error, const function::ConsoleTail& console) {
  static const std::string kUnknown = "UnknownFunction: ";
  if (const auto line = console.last_line(kUnknown); !line.empty()) {
    base::fail(ErrorKind::not_found, kBooting, {},
               function::one_line(line.substr(line.find(kUnknown) + kUnknown.size())));
  }
  const auto line = function::one_line(console.last_line());
  base::fail(error.kind(), kBooting, {},
             line.empty() ? error.what()
                          : fmt::format("{}; its console ends with: {}", error.what(), line));
}

}  // namespace

class FunctionHost::Impl {
 public:
  // What has gone wrong with the store so far, and how often.
  struct Trouble {
    std::uint64_t count = 0;
    std::string last;
  };

  Impl(std::shared_ptr<ObjectStore> store, LogSink log)
      : log_(std::move(log)),
        server_(std::move(store),
                [this](LogLevel level, std::string_view text) { note(level, text); }) {}

  void serve(GuestStream stream, const StoreAccount& account) {
    server_.serve(std::move(stream), account);
  }

  Trouble trouble() const {
    const std::lock_guard lock(mutex_);
    return trouble_;
  }

 private:
  void note(LogLevel level, std::string_view text) {
    {
      const std::lock_guard lock(mutex_);
      ++trouble_.count;
      trouble_.last = text;
    }
    if (log_) {
      log_(level, text);
    }
  }

  const LogSink log_;
  mutable std::mutex mutex_;
  Trouble trouble_;
  ObjectStoreServer server_;
};

FunctionHost::FunctionHost(std::shared_ptr<ObjectStore> store, LogSink log)
    : impl_(std::make_unique<Impl>(std::move(store), std::move(log))) {}
FunctionHost::~FunctionHost() = default;

StoreAccount FunctionHost::attach(VM& vm) {
  StoreAccount account(vm.limits().store);
  attach(vm, account);
  return account;
}

void FunctionHost::attach(VM& vm, const StoreAccount& account) {
  vm.listen(kObjectStorePort, [impl = impl_.get(), account](GuestStream stream) {
    impl->serve(std::move(stream), account);
  });
}

VM FunctionHost::boot(const VmOptions& guest, const BootOptions& options) {
  base::check_not_stopped(options.stop, kBooting);
  const function::ConsoleTail console(guest.attachments.console);
  VmOptions watched = guest;
  watched.attachments.console = console.sink();
  if (options.network) {
    watched.command_line += " " + network_word(*options.network);
  }
  VM vm = VM::boot(watched);
  attach(vm);
  try {
    const std::stop_callback stop_guest(options.stop, [&vm] { vm.stop(); });
    GuestChannel(vm).wait_ready(options.timeout);
  } catch (const Error& error) {
    base::check_not_stopped(options.stop, kBooting);
    fail_boot(error, console);
  }
  base::check_not_stopped(options.stop, kBooting);
  return vm;
}

std::string FunctionHost::network_word(const NetworkConfig& network) {
  return "faasnap.network=" + function::to_network_text(network);
}

std::optional<std::uint64_t> FunctionHost::set_network(VM& vm, const NetworkConfig& network,
                                                       Nanoseconds timeout) {
  const InvocationReply answer =
      GuestChannel(vm).request("POST", "/network", function::to_network_text(network), timeout);
  if (answer.status != kOk) {
    base::fail(answer.status == kNotFound ? ErrorKind::unsupported : ErrorKind::guest,
               kSettingNetwork, {}, function::reason_of(answer.status, answer.body));
  }
  return function::reset_connections(answer.body);
}

void FunctionHost::settle(VM& vm, const std::stop_token& stop) {
  function::settle_free_memory(vm, stop);
}

FunctionReply FunctionHost::invoke(VM& vm, std::string_view function, std::string_view input,
                                   const InvokeOptions& options) {
  const std::uint64_t trouble_before = impl_->trouble().count;
  const Nanoseconds begun = base::monotonic_now();
  const InvocationReply answer =
      GuestChannel(vm).invoke(function, input, options.timeout, options.caller);
  const Nanoseconds total = base::monotonic_now() - begun;
  if (answer.status != kOk) {
    const std::string reason = function::reason_of(answer.status, answer.body);
    const Impl::Trouble trouble = impl_->trouble();
    base::fail(
        answer.status == kNotFound ? ErrorKind::not_found : ErrorKind::guest, kInvoking, {},
        trouble.count == trouble_before ? reason : fmt::format("{} ({})", reason, trouble.last));
  }
  FunctionReply reply = function::parse_reply(answer.body);
  reply.first_byte = answer.first_byte;
  reply.total = total;
  return reply;
}

}  // namespace faasnap
