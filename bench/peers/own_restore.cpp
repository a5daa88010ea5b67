// SPDX-License-Identifier: Apache-2.0

#include "peers/own_restore.h"

#include <faasnap/directory_store.h>
#include <faasnap/function_recorder.h>
#include <faasnap/guest_channel.h>
#include <faasnap/vm.h>

#include <stdexcept>
#include <string_view>

namespace faasnap::bench {
namespace {

constexpr auto kRestorePatience = std::chrono::seconds(180);
constexpr std::string_view kRequest =
    "GET /healthz HTTP/1.1\r\nHost: guest\r\nConnection: close\r\n\r\n";

Nanoseconds now() { return std::chrono::steady_clock::now().time_since_epoch(); }

void await_first_byte(GuestStream& stream) {
  stream.write(std::as_bytes(std::span(kRequest)), kRestorePatience);
  std::byte first{};
  if (stream.read({&first, 1}, kRestorePatience) == 0) {
    throw std::runtime_error("the restored guest's agent does not answer");
  }
}

}  // namespace

Snapshot make_snapshot(const GuestParts& guest, const std::filesystem::path& directory) {
  FunctionRecorderOptions options;
  options.guest.kernel = guest.images / "vmlinux";
  options.guest.initramfs = guest.images / "initramfs";
  options.guest.root_image = guest.images / "rootfs.img";
  options.guest.command_line += " quiet";
  options.guest.vcpus = guest.vcpus;
  options.guest.memory = {guest.memory};
  FunctionHost host(std::make_shared<DirectoryStore>(directory / "store"));
  return FunctionRecorder(host, options).record("hello", "{}", directory / "served").snapshot;
}

OwnRestore restore_once(const std::filesystem::path& directory, Setting setting) {
  OwnRestore restored;
  const Nanoseconds call = now();
  const Snapshot snapshot = Snapshot::open(directory);
  restored.opened = now() - call;
  VM vm = VM::restore(snapshot, {.setting = setting, .image_directories = {"/"}});
  restored.returned = now() - call;
  GuestStream stream = vm.connect(kAgentPort, kRestorePatience);
  restored.connected = now() - call;
  await_first_byte(stream);
  restored.first_byte = now() - call;

  restored.stats = vm.stats();
  // The library counts from the beginning of its own call, which ended when ours did.
  const RestoreStats& restore = restored.stats.restore;
  restored.first_instruction = restored.returned - restore.total + restore.first_instruction;
  return restored;
}

}  // namespace faasnap::bench
