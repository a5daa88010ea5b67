// SPDX-License-Identifier: Apache-2.0

#include "server.h"

#include <fmt/format.h>

#include <array>
#include <cstdlib>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/threads/thread.h"
#include "format/state_file.h"
#include "snapshot/opened_snapshot.h"

namespace faasnap::worker {
namespace {

constexpr const char* kReceive = "receive from caller";

using OpenFiles = std::pair<OpenedSnapshot::Files, OpenedSnapshot::Files>;

// Opens the snapshot that is layer `n` of the request, with its bases, of files that are open.
std::shared_ptr<const OpenedSnapshot> open_layer(const RestoreRequest& request,
                                                 std::vector<OpenFiles>& files, unsigned n) {
  if (n >= files.size()) {
    base::fail(ErrorKind::limit, "restore virtual machine", {},
               "the files of a base did not reach the worker");
  }
  auto& [buffered, direct] = files[n];
  return OpenedSnapshot::make(
      request.layers[n].directory, std::move(buffered), std::move(direct),
      {.open_base = [&](const auto&, const auto&,
                        unsigned next) { return open_layer(request, files, next); },
       .n = n});
}

}  // namespace

// The descriptors of a message, in order.
class Server::Files {
 public:
  explicit Files(Message& message) : files_(message.files) {}

  base::UniqueFd next() {
    if (used_ == files_.size()) {
      base::fail(ErrorKind::limit, kReceive, {},
                 fmt::format("{} descriptors came, expected more; the worker may have no room for "
                             "them (RLIMIT_NOFILE)",
                             files_.size()));
    }
    return std::move(files_[used_++]);
  }
  base::OpenFile next_if_named(const std::filesystem::path& path) {
    return {path.empty() ? base::UniqueFd() : next(), path};
  }
  // Returns the descriptor of the network, if there is one, and puts its number into the options.
  base::UniqueFd next_network(std::optional<NetworkOptions>& options) {
    base::UniqueFd network;
    if (options) {
      network = next();
      options->descriptor = network.get();
    }
    return network;
  }

 private:
  std::vector<base::UniqueFd>& files_;
  std::size_t used_ = 0;
};

void Server::run() {
  while (auto message = channel_.receive()) {
    take(std::move(*message));
  }
}

void Server::take(Message message) {
  const std::uint64_t call = message.call;
  const auto at_once = [&](const std::function<Body()>& make) { answer(call, make); };
  const auto later = [&](std::function<Body()> make) {
    answer_later(std::move(message), [make = std::move(make)](const Message&) { return make(); });
  };
  switch (static_cast<Kind>(message.kind)) {
    case Kind::boot:
      return at_once([&] { return boot(message), Body(); });
    case Kind::restore:
      return at_once([&] { return restore(message), Body(); });
    case Kind::start:
      return answer_later(std::move(message), [this](const Message& m) { return start(m); });
    case Kind::pause:
      return later([this] { return vm().pause(), Body(); });
    case Kind::resume:
      return later([this] { return vm().resume(), Body(); });
    case Kind::stop:
      return later([this] { return vm().stop(), Body(); });
    case Kind::state:
      return at_once([&] { return encode(vm().state()); });
    case Kind::connect:
      return connect(std::move(message));
    case Kind::listen:
      return at_once([&] { return listen(message), Body(); });
    case Kind::write_console:
      return at_once([&] {
        std::string text;
        decode(message.body, text);
        return vm().write_console(text), Body();
      });
    case Kind::capture:
      return answer_later(std::move(message), [this](const Message& m) { return capture(m); });
    case Kind::stats:
      return at_once([&] { return encode(stats()); });
    case Kind::memory_usage:
      return later([this] { return encode(vm().memory_usage()); });
    case Kind::memory:
      return later([this] { return encode(vm().memory()); });
    case Kind::loads:
      return at_once([&] { return encode(vm().loads()); });
    case Kind::wait_loaded:
      return later([this] { return vm().wait_loaded(), Body(); });
    case Kind::accesses:
      return at_once([&] { return encode(vm().accesses()); });
    case Kind::go_on: {
      bool goes_on = false;
      decode(message.body, goes_on);
      const std::lock_guard lock(mutex_);
      goes_on_[call] = goes_on;
      changed_.notify_all();
      return;
    }
    case Kind::connected:
      return connected(message);
    default:
      base::fail(ErrorKind::corrupt, kReceive, {},
                 fmt::format("unexpected message {}", message.kind));
  }
}

LocalVm& Server::vm() const {
  if (!vm_) {
    base::fail(ErrorKind::invalid_argument, kReceive, {}, "there is no VM yet");
  }
  return *vm_;
}

void Server::boot(Message& message) {
  BootRequest request;
  decode(message.body, request);
  attach(request.options.attachments, request.sinks);
  Files files(message);
  BootFiles boot{.kernel = {files.next(), request.options.kernel},
                 .initramfs = files.next_if_named(request.options.initramfs),
                 .root_image = files.next_if_named(request.options.root_image)};
  for (std::size_t i = 0; i < request.options.disks.size(); ++i) {
    boot.disks.push_back(files.next());
  }
  const base::UniqueFd network = files.next_network(request.options.attachments.network);
  vm_ = std::make_unique<LocalVm>(request.options, std::move(boot));
  serve_socket(request.sinks, files);
  report_end();
}

void Server::restore(Message& message) {
  RestoreRequest request;
  decode(message.body, request);
  delay_ = (base::monotonic_now() - request.asked).count();
  attach(request.options.attachments, request.sinks);
  Files files(message);
  const auto take = [&](std::uint32_t set) {
    OpenedSnapshot::Files taken;
    for (std::size_t i = 0; i < taken.size(); ++i) {
      if ((set >> i & 1) != 0) {
        taken[i] = files.next();
      }
    }
    return taken;
  };
  std::vector<OpenFiles> layers;
  for (const LayerFiles& layer : request.layers) {
    OpenedSnapshot::Files snapshot = take(layer.files);
    layers.emplace_back(std::move(snapshot), take(layer.direct_files));
  }
  const std::filesystem::path& root_path = request.options.root_image;
  RootImage root_image{.identity = {.path = root_path}, .file = files.next_if_named(root_path).fd};
  std::vector<base::UniqueFd> disks;
  for (std::uint32_t i = 0; i < request.disks; ++i) {
    disks.push_back(files.next());
  }
  const base::UniqueFd network = files.next_network(request.options.attachments.network);
  vm_ =
      std::make_unique<LocalVm>(OpenedSnapshot::of(open_layer(request, layers, 0)), request.options,
                                std::move(root_image), std::move(disks), request.prepared);
  serve_socket(request.sinks, files);
  report_end();
}

void Server::serve_socket(const Sinks& sinks, Files& files) {
  if (!sinks.vsock_socket) {
    return;
  }
  vm_->serve_socket(files.next(), [this](std::uint32_t port, auto answer) {
    std::uint64_t number = 0;
    {
      const std::lock_guard lock(mutex_);
      number = ++last_outside_;
      outside_[number] = std::move(answer);
    }
    send(Kind::connect_outside, 0, encode(number, port));
  });
}

void Server::connected(Message& message) {
  std::uint64_t number = 0;
  decode(message.body, number);
  std::unique_lock lock(mutex_);
  const auto asked = outside_.extract(number);
  lock.unlock();
  if (asked.empty()) {
    base::fail(ErrorKind::corrupt, kReceive, {}, "unexpected answer");
  }
  asked.mapped()(message.files.empty() ? base::UniqueFd() : std::move(message.files.front()));
}

Server::Body Server::start(const Message& message) {
  Nanoseconds asked{0};
  decode(message.body, asked);
  if (vm().stats().restore.prepared) {
    delay_ = (base::monotonic_now() - asked).count();
  }
  vm().start();
  return {};
}

void Server::connect(Message message) {
  const std::uint64_t call = message.call;
  try {
    std::uint32_t port = 0;
    decode(message.body, port);
    vm().connect(port, Files(message).next(), [this, call](const std::exception_ptr& failure) {
      failure ? fail(call, failure) : send(Kind::done, call, {});
    });
  } catch (...) {
    fail(call, std::current_exception());
  }
}

void Server::listen(const Message& message) {
  std::uint32_t port = 0;
  bool listens = false;
  decode(message.body, port, listens);
  std::function<void(GuestStream)> accept;
  if (listens) {
    accept = [this, port](GuestStream stream) {
      const std::array<int, 1> file{stream.descriptor()};
      send(Kind::stream, 0, encode(port), file);
    };
  }
  vm().listen(port, std::move(accept));
}

Server::Body Server::capture(const Message& message) {
  std::filesystem::path path;
  std::filesystem::path disks_path;
  bool reports = false;
  decode(message.body, path, disks_path, reports);
  if (message.files.empty() || message.files.size() > 2) {
    base::fail(ErrorKind::limit, "create snapshot", path, "the file did not reach the worker");
  }
  const base::UniqueFd none;
  Progress progress;
  if (reports) {
    progress = [this, call = message.call](Bytes done, Bytes total) {
      send(Kind::progress, call, encode(done, total));
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return goes_on_.contains(call); });
      return goes_on_.extract(call).mapped();
    };
  }
  const base::UniqueFd& disks = message.files.size() == 2 ? message.files.back() : none;
  CapturedMachine captured =
      vm().capture({message.files.front(), path, disks, disks_path}, progress);
  captured.sections.push_back(format::save_image_table(captured.image));
  if (captured.disks) {
    captured.sections.push_back(format::save_image_table(*captured.disks, format::kDisksSection));
  }
  return format::encode_state(captured.sections);
}

VmStats Server::stats() const {
  VmStats stats = vm().stats();
  if (stats.restore.first_instruction != Nanoseconds(0)) {
    stats.restore.first_instruction += Nanoseconds(delay_.load());
  }
  return stats;
}

void Server::report_end() {
  base::start_thread("faasnap-end", [this] {
    const auto state = vm_->wait(kForever);
    send(Kind::ended, 0, encode(*state, vm_->failure()));
  }).detach();
}

void Server::attach(VmAttachments& attachments, const Sinks& sinks) {
  if (sinks.console) {
    attachments.console = [this](std::string_view text) {
      send(Kind::console, 0, encode(std::string(text)));
    };
  }
  if (sinks.log) {
    attachments.log = [this](LogLevel level, std::string_view text) {
      send(Kind::log, 0, encode(level, std::string(text)));
    };
  }
}

void Server::answer(std::uint64_t call, const std::function<Body()>& make) {
  Body body;
  try {
    body = make();
  } catch (...) {
    return fail(call, std::current_exception());
  }
  send(Kind::done, call, body);
}

void Server::answer_later(Message message, std::function<Body(const Message&)> make) {
  const std::uint64_t call = message.call;
  try {
    const auto shared = std::make_shared<Message>(std::move(message));
    base::start_thread("faasnap-call", [this, shared, make = std::move(make)] {
      answer(shared->call, [&] { return make(*shared); });
    }).detach();
  } catch (...) {
    fail(call, std::current_exception());
  }
}

void Server::fail(std::uint64_t call, const std::exception_ptr& failure) {
  send(Kind::failed, call, encode(describe(failure)));
}

// The process ends if nobody listens any more.
void Server::send(Kind kind, std::uint64_t call, std::span<const std::byte> body,
                  std::span<const int> files) {
  try {
    channel_.send(static_cast<std::uint32_t>(kind), call, body, files);
  } catch (const Error&) {
    std::_Exit(1);
  }
}

}  // namespace faasnap::worker
