#include "peers/own_restore.h"

#include <faasnap/guest_channel.h>
#include <faasnap/vm.h>
#include <faasnap/working_set_recorder.h>

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
  VmOptions options;
  options.kernel = guest.images / "vmlinux";
  options.initramfs = guest.images / "initramfs";
  options.root_image = guest.images / "rootfs.img";
  options.command_line = "console=ttyS0 quiet reboot=k panic=-1 root=/dev/vda ro";
  options.vcpus = guest.vcpus;
  options.memory = {guest.memory};
  const Snapshot base = [&] {
    VM vm = VM::boot(options);
    GuestChannel(vm).wait_ready(kRestorePatience);
    return vm.snapshot(directory / "base");
  }();

  base.drop_caches();
  VM vm = VM::restore(base, {.setting = Setting::lazy});
  WorkingSetRecorder recorder(base, vm);
  if (GuestChannel(vm).invoke("hello", "{}", kRestorePatience).status != 200) {
    throw std::runtime_error("the guest's function hello fails");
  }
  const WorkingSet used = recorder.finish();
  return vm.snapshot(directory / "served", {.working_set = &used});
}

OwnRestore restore_once(const std::filesystem::path& directory, Setting setting) {
  OwnRestore restored;
  const Nanoseconds call = now();
  const Snapshot snapshot = Snapshot::open(directory);
  restored.opened = now() - call;
  VM vm = VM::restore(snapshot, {.setting = setting});
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
