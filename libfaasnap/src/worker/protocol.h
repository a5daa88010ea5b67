// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <exception>
#include <string>
#include <vector>

#include <faasnap/error.h>
#include <faasnap/log.h>
#include <faasnap/network.h>
#include <faasnap/page_access.h>
#include <faasnap/page_load.h>
#include <faasnap/restore_options.h>
#include <faasnap/units.h>
#include <faasnap/vm_options.h>
#include <faasnap/vm_state.h>
#include <faasnap/vm_stats.h>
#include <faasnap/worker_options.h>

#include "worker/wire.h"

// The messages between a process and its worker. Both come from one build, so there are no
// versions. Structured bindings name every member: an option that is added and forgotten here does
// not compile.

namespace faasnap::worker {

// The kinds of messages. Behind each stands the body, and the descriptors that come with it.
enum class Kind : std::uint32_t {
  // Calls: the worker answers each with `done` or `failed`.
  boot = 1,       // BootRequest; kernel, initramfs, root image, disks, vsock socket
  restore,        // RestoreRequest; the snapshot's files, root image, disks, vsock socket
  start,          // when it was asked for
  pause,          //
  resume,         //
  stop,           //
  state,          //   -> VmState
  connect,        // port; the end of the stream that the guest's port gets
  listen,         // port, whether to listen
  write_console,  // text
  capture,        // paths, whether it reports `progress`; files of image, disks  -> a state file
  stats,          //   -> VmStats
  memory_usage,   //   -> MemoryUsage
  memory,         //   -> Bytes
  loads,          //   -> PageLoads
  wait_loaded,    //
  accesses,       //   -> PageAccesses
  go_on,          // whether the call that the message names goes on, after `progress`; no answer
  connected,      // number of a `connect_outside`; the stream, if there is one; no answer

  // Answers.
  done = 64,  // as said above
  failed,     // ErrorText

  // Events.
  ready = 128,  // WorkerInfo: the worker is confined and waits
  ended,        // VmState, failure: the guest has ended
  console,      // text
  log,          // LogLevel, text
  stream,       // port; the host's end
  progress,  // bytes done, bytes in all, of the call that the message names; it waits for `go_on`
  connect_outside,  // number, port: the guest wants what listens beside the vsock socket
};

// What the caller has of VmAttachments.
struct Sinks {
  bool console = false;
  bool log = false;
  bool vsock_socket = false;
};

// Names of files are for messages: the files come as descriptors, in the order of the members,
// those with an empty name missing; the vsock socket comes last.
struct BootRequest {
  VmOptions options;
  Sinks sinks;
};

// A snapshot, or one of its bases.
struct LayerFiles {
  std::filesystem::path directory;
  // Bit i says that file i of format::kSnapshotFiles exists, and that it comes opened for direct
  // reads, too. Their descriptors come in this order.
  std::uint32_t files = 0;
  std::uint32_t direct_files = 0;
};

struct RestoreRequest {
  // The snapshot, then its bases. The root image follows their files, if `options.root_image` is
  // not empty, then the file of each disk that the VM writes, and the vsock socket.
  std::vector<LayerFiles> layers;
  std::uint32_t disks = 0;
  RestoreOptions options;
  bool prepared = false;
  // When it was asked for, by CLOCK_MONOTONIC.
  Nanoseconds asked{0};
  Sinks sinks;
};

// A faasnap::Error on its way.
struct ErrorText {
  ErrorKind kind = ErrorKind::internal;
  std::string operation;
  std::string path;
  std::string reason;
  int number = 0;
};

ErrorText describe(const std::exception_ptr& failure);
[[noreturn]] void raise(const ErrorText& error);

template <>
inline constexpr AccessRecording kLastOf<AccessRecording> = AccessRecording::all;
template <>
inline constexpr ErrorKind kLastOf<ErrorKind> = ErrorKind::internal;
template <>
inline constexpr LogLevel kLastOf<LogLevel> = LogLevel::error;
template <>
inline constexpr NetworkKind kLastOf<NetworkKind> = NetworkKind::stream;
template <>
inline constexpr MonotonicClock kLastOf<MonotonicClock> = MonotonicClock::advanced;
template <>
inline constexpr Setting kLastOf<Setting> = kAllSettings.back();
template <>
inline constexpr VmState kLastOf<VmState> = VmState::stopped;

template <typename Wire>
void fields(Wire& wire, Bytes& value) {
  wire(value.value);
}
template <typename Wire>
void fields(Wire& wire, PageIndex& value) {
  wire(value.value);
}
template <typename Wire>
void fields(Wire& wire, PageRange& value) {
  wire(value.first, value.count);
}
template <typename Wire>
void fields(Wire& wire, PageLoad& value) {
  wire(value.pages, value.time);
}
template <typename Wire>
void fields(Wire& wire, PageAccess& value) {
  auto& [page, time, write, zero, missed] = value;
  wire(page, time, write, zero, missed);
}
template <typename Wire>
void fields(Wire& wire, Sinks& value) {
  wire(value.console, value.log, value.vsock_socket);
}
template <typename Wire>
void fields(Wire& wire, ConsoleLimits& value) {
  auto& [per_second, burst] = value;
  wire(per_second, burst);
}
template <typename Wire>
void fields(Wire& wire, DiskRate& value) {
  auto& [bytes_per_second, byte_burst, requests_per_second, request_burst] = value;
  wire(bytes_per_second, byte_burst, requests_per_second, request_burst);
}
template <typename Wire>
void fields(Wire& wire, DiskLimits& value) {
  auto& [reading, rate] = value;
  wire(reading, rate);
}
template <typename Wire>
void fields(Wire& wire, NetworkRate& value) {
  auto& [bytes_per_second, byte_burst, packets_per_second, packet_burst] = value;
  wire(bytes_per_second, byte_burst, packets_per_second, packet_burst);
}
template <typename Wire>
void fields(Wire& wire, NetworkLimits& value) {
  auto& [to_guest, from_guest] = value;
  wire(to_guest, from_guest);
}
// The object store is the caller's.
template <typename Wire>
void fields(Wire& wire, GuestLimits& value) {
  auto& [console, disk, device_slice, connections, unread_data, network, store] = value;
  static_cast<void>(store);
  wire(console, disk, device_slice, connections, unread_data, network);
}
template <typename Wire>
void fields(Wire& wire, MacAddress& value) {
  auto& [a, b, c, d, e, f] = value.bytes;
  wire(a, b, c, d, e, f);
}
// The descriptor itself comes with the message.
template <typename Wire>
void fields(Wire& wire, NetworkOptions& value) {
  auto& [kind, descriptor, mac, mtu] = value;
  static_cast<void>(descriptor);
  wire(kind, mac, mtu);
}
template <typename Wire>
void fields(Wire& wire, DiskOptions& value) {
  auto& [path, size, read_only] = value;
  wire(path, size, read_only);
}
// The callbacks stay where they are, the socket is the caller's, and scratch files come open.
template <typename Wire>
void fields(Wire& wire, VmAttachments& value) {
  auto& [console, vsock_socket, network, scratch_directory, log, limits, expose_memory] = value;
  static_cast<void>(scratch_directory);
  static_cast<void>(console);
  static_cast<void>(vsock_socket);
  static_cast<void>(log);
  wire(network, limits, expose_memory);
}
// What is only for the caller stays there: where to find files, and the worker.
template <typename Wire>
void fields(Wire& wire, VmOptions& value) {
  auto& [kernel, initramfs, root_image, disks, command_line, vcpus, memory, guest_cid, attachments,
         worker, report_free_memory] = value;
  static_cast<void>(worker);
  wire(kernel, initramfs, root_image, disks, command_line, vcpus, memory, guest_cid, attachments,
       report_free_memory);
}
template <typename Wire>
void fields(Wire& wire, RestoreOptions& value) {
  auto& [setting, prefill, record_accesses, root_image, image_directories, release_free_memory,
         clock, start, attachments, worker] = value;
  static_cast<void>(image_directories);
  static_cast<void>(worker);
  wire(setting, prefill, record_accesses, root_image, release_free_memory, clock, start,
       attachments);
}
template <typename Wire>
void fields(Wire& wire, BootRequest& value) {
  wire(value.options, value.sinks);
}
template <typename Wire>
void fields(Wire& wire, LayerFiles& value) {
  auto& [directory, files, direct_files] = value;
  wire(directory, files, direct_files);
}
template <typename Wire>
void fields(Wire& wire, RestoreRequest& value) {
  auto& [layers, disks, options, prepared, asked, sinks] = value;
  wire(layers, disks, options, prepared, asked, sinks);
}
template <typename Wire>
void fields(Wire& wire, RestoreStats& value) {
  auto& [prepared, preload, create, map, state, start, total, first_instruction, mappings,
         prefilled_pages] = value;
  wire(prepared, preload, create, map, state, start, total, first_instruction, mappings,
       prefilled_pages);
}
template <typename Wire>
void fields(Wire& wire, FaultStats& value) {
  auto& [vcpu_major, vcpu_minor, handled] = value;
  wire(vcpu_major, vcpu_minor, handled);
}
template <typename Wire>
void fields(Wire& wire, FreeMemoryStats& value) {
  auto& [reported, released] = value;
  wire(reported, released);
}
template <typename Wire>
void fields(Wire& wire, PrefetchStats& value) {
  auto& [reads, pages, bytes, read, zero_pages, direct, io_uring, duration, finished] = value;
  wire(reads, pages, bytes, read, zero_pages, direct, io_uring, duration, finished);
}
template <typename Wire>
void fields(Wire& wire, NetworkTraffic& value) {
  auto& [packets, bytes, dropped] = value;
  wire(packets, bytes, dropped);
}
template <typename Wire>
void fields(Wire& wire, NetworkStats& value) {
  auto& [link_up, to_guest, from_guest] = value;
  wire(link_up, to_guest, from_guest);
}
template <typename Wire>
void fields(Wire& wire, DiskStats& value) {
  auto& [reads, read, writes, written, flushes, discards, failed] = value;
  wire(reads, read, writes, written, flushes, discards, failed);
}
template <typename Wire>
void fields(Wire& wire, LimitHits& value) {
  auto& [dropped_console, refused_connections, dropped_connections, delayed_reads, device_slices,
         network_waits, disk_waits] = value;
  wire(dropped_console, refused_connections, dropped_connections, delayed_reads, device_slices,
       network_waits, disk_waits);
}
template <typename Wire>
void fields(Wire& wire, VmStats& value) {
  auto& [restore, faults, free_memory, prefetch, network, disks, limits, io_uring] = value;
  wire(restore, faults, free_memory, prefetch, network, disks, limits, io_uring);
}
template <typename Wire>
void fields(Wire& wire, MemoryUsage& value) {
  auto& [resident, proportional] = value;
  wire(resident, proportional);
}
template <typename Wire>
void fields(Wire& wire, ErrorText& value) {
  wire(value.kind, value.operation, value.path, value.reason, value.number);
}
template <typename Wire>
void fields(Wire& wire, WorkerInfo& value) {
  auto& [process, namespaces, empty_root, landlock, system_call_filters, missing] = value;
  wire(process, namespaces, empty_root, landlock, system_call_filters, missing);
}

}  // namespace faasnap::worker
