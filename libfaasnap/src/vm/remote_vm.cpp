// SPDX-License-Identifier: Apache-2.0

#include "vm/remote_vm.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include "base/clock.h"
#include "base/deadline.h"
#include "base/error.h"
#include "format/memory_image.h"
#include "format/snapshot_directory.h"
#include "format/state_file.h"
#include "paging/reads/direct_file.h"
#include "snapshot/opened_snapshot.h"
#include "worker/protocol.h"
#include "worker/worker_source.h"

namespace faasnap {
namespace {

using worker::decode;
using worker::encode;
using worker::Kind;

constexpr const char* kBoot = "boot virtual machine";
constexpr const char* kConnect = "connect to guest";

// How long a worker may take to stop its guest before it is killed.
constexpr Nanoseconds kStopLimit = std::chrono::seconds(5);

// How many of format::kSnapshotFiles a worker gets of the snapshot and of each of its bases.
constexpr std::size_t kAllFiles = format::kSnapshotFiles.size();
constexpr std::size_t kFilesOfBase = 3;

// Makes the socket where there is to be one.
std::unique_ptr<virtio::HybridPath> open_socket(const VmAttachments& attachments) {
  return attachments.vsock_socket.empty()
             ? nullptr
             : std::make_unique<virtio::HybridPath>(attachments.vsock_socket);
}

// Opens what a worker reads past the page cache, since it cannot open a file by itself: what the
// settings that install pages read.
OpenedSnapshot::Files files_read_directly(const OpenedSnapshot& layer,
                                          const RestoreOptions& options) {
  const std::string_view set = options.setting == Setting::reap     ? format::kReapSetFile
                               : options.setting == Setting::stream ? format::kStreamSetFile
                                                                    : std::string_view();
  const bool installs = !set.empty() || options.record_accesses != AccessRecording::none;
  OpenedSnapshot::Files direct;
  const auto& files = layer.files();
  for (std::size_t i = 0; i < files.size(); ++i) {
    const std::string_view name = format::kSnapshotFiles[i];
    if (files[i] && (name == set || (installs && name == format::kMemoryFile))) {
      direct[i] = paging::open_directly(files[i]);
    }
  }
  return direct;
}

// Returns the size of what a snapshot has of the disks.
Bytes size_of_disks(std::span<const DiskOptions> options,
                    const std::vector<base::UniqueFd>& files) {
  std::vector<machine::DiskShape> shapes;
  for (std::size_t i = 0; i < files.size(); ++i) {
    shapes.push_back({.size = base::file_size(files[i], options[i].path)});
  }
  return machine::size_of_disks(shapes);
}

// Takes a table of pages out of the sections that a worker has sent.
format::ImageTable take_table(std::vector<format::Section>& sections, std::string_view name,
                              const std::filesystem::path& path) {
  auto table = format::load_image_table(format::image_table_section(sections, path, name), path);
  std::erase_if(sections, [&](const format::Section& section) { return section.name == name; });
  return table;
}

template <typename Value>
Value decoded(const std::vector<std::byte>& body) {
  Value value{};
  decode(body, value);
  return value;
}

}  // namespace

RemoteVm::RemoteVm(const VmOptions& options, BootFiles files)
    : attachments_(options.attachments),
      vsock_path_(open_socket(attachments_)),
      snapshots_(files),
      guest_memory_(options.memory),
      disks_(size_of_disks(options.disks, files.disks)),
      vcpus_(options.vcpus) {
  take(*options.worker);
  std::vector<int> descriptors;
  for (const base::OpenFile* file : {&files.kernel, &files.initramfs, &files.root_image}) {
    if (*file) {
      descriptors.push_back(file->fd.get());
    }
  }
  for (const base::UniqueFd& disk : files.disks) {
    descriptors.push_back(disk.get());
  }
  const base::UniqueFd listener = add_attachments(descriptors);
  client_->call(Kind::boot, kBoot,
                encode(worker::BootRequest{.options = options, .sinks = sinks()}),
                {.files = descriptors});
}

RemoteVm::RemoteVm(const Snapshot& snapshot, const RestoreOptions& options,
                   const RootImage& root_image, const std::vector<base::UniqueFd>& disks,
                   bool prepared)
    : attachments_(options.attachments),
      vsock_path_(open_socket(attachments_)),
      snapshots_(snapshot.info(), root_image.identity),
      source_(snapshot),
      guest_memory_(snapshot.info().memory),
      disks_(snapshot.info().disks),
      vcpus_(snapshot.info().vcpus),
      records_accesses_(options.record_accesses != AccessRecording::none),
      prepared_(prepared),
      asked_(base::monotonic_now()) {
  opened(snapshot).require_unchanged();
  take(*options.worker);
  worker::RestoreRequest request{.layers = {},
                                 .disks = static_cast<std::uint32_t>(disks.size()),
                                 .options = options,
                                 .prepared = prepared,
                                 .asked = asked_,
                                 .sinks = sinks()};
  request.options.root_image = root_image.identity.path;
  std::vector<int> descriptors;
  const auto add = [&](const OpenedSnapshot::Files& files, std::size_t first, std::uint32_t& set) {
    for (std::size_t i = 0; i < first; ++i) {
      if (files[i]) {
        set |= 1U << i;
        descriptors.push_back(files[i].get());
      }
    }
  };
  std::vector<OpenedSnapshot::Files> direct;  // until they are sent
  for (const OpenedSnapshot* layer : opened(snapshot).layers()) {
    worker::LayerFiles sent{.directory = layer->directory()};
    const bool is_base = !request.layers.empty();
    add(layer->files(), is_base ? kFilesOfBase : kAllFiles, sent.files);
    add(direct.emplace_back(files_read_directly(*layer, options)),
        is_base ? kFilesOfBase : kAllFiles, sent.direct_files);
    request.layers.push_back(std::move(sent));
  }
  if (root_image.file) {
    descriptors.push_back(root_image.file.get());
  }
  for (const base::UniqueFd& disk : disks) {
    descriptors.push_back(disk.get());
  }
  const base::UniqueFd listener = add_attachments(descriptors);
  client_->call(Kind::restore, kRestore, encode(request), {.files = descriptors});
}

worker::Sinks RemoteVm::sinks() const {
  return {.console = static_cast<bool>(attachments_.console),
          .log = static_cast<bool>(attachments_.log),
          .vsock_socket = vsock_path_ != nullptr};
}

// Adds the network and the vsock socket to what goes to the worker. Returns the socket, which the
// worker alone is to have.
base::UniqueFd RemoteVm::add_attachments(std::vector<int>& descriptors) {
  if (attachments_.network) {
    descriptors.push_back(attachments_.network->descriptor);
  }
  base::UniqueFd listener;
  if (vsock_path_) {
    listener = vsock_path_->take_listener();
    descriptors.push_back(listener.get());
  }
  return listener;
}

void RemoteVm::take(const WorkerOptions& options) {
  client_ = WorkerSource::take(options);
  client_->assign(
      options,
      {.event = [this](worker::Message message) { on_event(std::move(message)); },
       .ended = [this](const std::string& reason) { end(VmState::internal_error, reason); }});
}

void RemoteVm::start() {
  if (prepared_) {
    asked_ = base::monotonic_now();
  }
  client_->call(Kind::start, kRestore, encode(asked_));
  total_ = base::monotonic_now() - asked_;
}

void RemoteVm::on_event(worker::Message message) {
  switch (static_cast<Kind>(message.kind)) {
    case Kind::ended: {
      VmState state{};
      std::string reason;
      decode(message.body, state, reason);
      if (!is_final(state)) {
        base::fail(ErrorKind::corrupt, "receive from worker", {}, "the state is not final");
      }
      end(state, reason);
      return;
    }
    case Kind::console: {
      const auto text = decoded<std::string>(message.body);
      if (attachments_.console) {
        attachments_.console(text);
      }
      return;
    }
    case Kind::log: {
      LogLevel level{};
      std::string text;
      decode(message.body, level, text);
      if (attachments_.log) {
        attachments_.log(level, text);
      }
      return;
    }
    case Kind::stream: {
      const auto port = decoded<std::uint32_t>(message.body);
      std::unique_lock lock(mutex_);
      const auto found = listeners_.find(port);
      const auto accept = found == listeners_.end() ? nullptr : found->second;
      lock.unlock();
      // Without a listener, or room for its descriptor, the stream ends here.
      if (accept && message.files.size() == 1) {
        accept(GuestStream(message.files.front().release()));
      }
      return;
    }
    case Kind::connect_outside:
      connect_outside(message);
      return;
    default:
      base::fail(ErrorKind::corrupt, "receive from worker", {},
                 fmt::format("unexpected message {}", message.kind));
  }
}

// The worker has no way to the paths.
void RemoteVm::connect_outside(const worker::Message& message) {
  std::uint64_t number = 0;
  std::uint32_t port = 0;
  decode(message.body, number, port);
  base::UniqueFd stream;
  try {
    stream = vsock_path_ ? vsock_path_->connect(port) : base::UniqueFd();
  } catch (const Error&) {
    // This process has no descriptor left; the guest is refused.
  }
  std::vector<int> descriptors;
  if (stream) {
    descriptors.push_back(stream.get());
  }
  client_->tell(Kind::connected, encode(number), descriptors);
}

// The first end counts.
void RemoteVm::end(VmState state, const std::string& reason) {
  const std::lock_guard lock(mutex_);
  if (!final_state_) {
    final_state_ = state;
    failure_ = reason;
    ended_.notify_all();
  }
}

VmState RemoteVm::state() const {
  const auto known = [this] {
    const std::lock_guard lock(mutex_);
    return final_state_;
  };
  if (const auto state = known()) {
    return *state;
  }
  VmState state = VmState::internal_error;
  try {
    state = decoded<VmState>(client_->call(Kind::state, "ask for the state"));
  } catch (const Error&) {
    // The worker has ended, and the guest with it.
  }
  // The reason for an end comes by itself, and must be there once the end is told.
  return is_final(state) ? wait_for_end(kStopLimit).value_or(state) : state;
}

std::string RemoteVm::failure() const {
  const std::lock_guard lock(mutex_);
  return failure_;
}

std::optional<VmState> RemoteVm::wait(Nanoseconds timeout) { return wait_for_end(timeout); }

std::optional<VmState> RemoteVm::wait_for_end(Nanoseconds timeout) const {
  std::unique_lock lock(mutex_);
  ended_.wait_until(lock, base::Deadline(timeout).end(), [&] { return final_state_.has_value(); });
  return final_state_;
}

void RemoteVm::pause() { client_->call(Kind::pause, "pause virtual machine"); }

void RemoteVm::resume() { client_->call(Kind::resume, "resume virtual machine"); }

void RemoteVm::stop() {
  if (!client_->alive()) {
    return;
  }
  try {
    client_->call(Kind::stop, "stop virtual machine", {}, {.timeout = kStopLimit});
  } catch (const Error&) {
    // Whatever keeps it from answering, its end is what was asked for.
  }
  if (!wait(kStopLimit)) {
    client_->kill();
    wait(kForever);
  }
}

GuestStream RemoteVm::connect(std::uint32_t port, Nanoseconds timeout) {
  auto [ours, theirs] = base::make_stream_pair();
  const std::array<int, 1> stream{theirs.get()};
  try {
    client_->call(Kind::connect, kConnect, encode(port), {.files = stream, .timeout = timeout});
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::timeout) {
      // Closing our end makes the device cancel the attempt.
      base::fail(ErrorKind::timeout, kConnect, {},
                 fmt::format("vsock port {} did not answer in time", port));
    }
    throw;
  }
  return GuestStream(ours.release());
}

void RemoteVm::listen(std::uint32_t port, std::function<void(GuestStream)> accept) {
  const bool listens = static_cast<bool>(accept);
  {
    const std::lock_guard lock(mutex_);
    listeners_[port] = std::move(accept);
  }
  client_->call(Kind::listen, "listen for guest", encode(port, listens));
}

void RemoteVm::write_console(std::string_view text) {
  while (!text.empty()) {
    const auto piece = text.substr(0, worker::kPacketBody);
    client_->call(Kind::write_console, "write to console", encode(std::string(piece)));
    text.remove_prefix(piece.size());
  }
}

Snapshot RemoteVm::snapshot(const std::filesystem::path& path, const SnapshotOptions& options) {
  return snapshots_.write(path, options, guest_memory_, disks_, vcpus_,
                          [this](const CaptureFiles& files, const Progress& progress) {
                            return capture(files, progress);
                          });
}

CapturedMachine RemoteVm::capture(const CaptureFiles& files, const Progress& progress) {
  std::vector<int> descriptors{files.image.get()};
  if (files.disks) {
    descriptors.push_back(files.disks.get());
  }
  const std::filesystem::path& path = files.image_path;
  const auto body = client_->call(Kind::capture, "create snapshot",
                                  encode(path, files.disks_path, static_cast<bool>(progress)),
                                  {.files = descriptors, .progress = progress});
  CapturedMachine captured{.sections = format::decode_state(body, path), .image = {}};
  captured.image = take_table(captured.sections, format::kMemorySection, path);
  if (captured.image.memory != guest_memory_) {
    base::fail(ErrorKind::corrupt, "create snapshot", path,
               "the worker has captured a memory of another size");
  }
  if (files.disks) {
    captured.disks = take_table(captured.sections, format::kDisksSection, path);
    if (captured.disks->memory != disks_) {
      base::fail(ErrorKind::corrupt, "create snapshot", files.disks_path,
                 "the worker has captured disks of another size");
    }
  }
  return captured;
}

VmStats RemoteVm::stats() const {
  auto stats = decoded<VmStats>(client_->call(Kind::stats, "ask for statistics"));
  if (source_) {
    stats.restore.total = total_ - stats.restore.preload;
  }
  return stats;
}

Bytes RemoteVm::memory() const {
  return decoded<Bytes>(client_->call(Kind::memory, "ask for memory"));
}

MemoryUsage RemoteVm::memory_usage() const {
  return decoded<MemoryUsage>(client_->call(Kind::memory_usage, "ask for memory"));
}

std::vector<PageLoad> RemoteVm::loads() const {
  return decoded<std::vector<PageLoad>>(client_->call(Kind::loads, "ask for loads"));
}

void RemoteVm::wait_loaded() const { client_->call(Kind::wait_loaded, "wait for loading"); }

std::vector<PageAccess> RemoteVm::accesses() const {
  return decoded<std::vector<PageAccess>>(client_->call(Kind::accesses, "ask for accesses"));
}

}  // namespace faasnap
