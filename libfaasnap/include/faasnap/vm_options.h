#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include <faasnap/log.h>
#include <faasnap/units.h>

namespace faasnap {

// Receives what the guest writes to its serial console, in pieces, on a thread of the VM.
using ConsoleSink = std::function<void(std::string_view)>;

// What a restored VM takes from its caller just as a booted one does: the live ends of its devices.
struct VmAttachments {
  // Where the guest's serial output goes; empty: it is dropped.
  ConsoleSink console{};
  // Path of the Unix socket through which other processes reach the guest's vsock ports: they write
  // "CONNECT <port>\n" and read "OK <port>\n"; the guest's own connections go to `<path>_<port>`.
  // Must not exist; removed with the VM. Empty: in-process streams only.
  std::filesystem::path vsock_socket{};
  // Diagnostics of this VM.
  LogSink log{};
};

// How to boot a VM.
struct VmOptions {
  // A bzImage or an ELF vmlinux, x86-64.
  std::filesystem::path kernel{};
  // Empty: none.
  std::filesystem::path initramfs{};
  // The root file system, attached read-only as /dev/vda; empty: none.
  std::filesystem::path root_image{};
  // Kernel command line; at most 2047 bytes.
  std::string command_line = "console=ttyS0 reboot=k panic=-1 root=/dev/vda ro";
  // 1 to 8.
  unsigned vcpus = 2;
  // A multiple of the page size from 128 MiB to 16 GiB.
  Bytes memory = 2_GiB;
  // The guest's vsock address; 3 or more.
  std::uint32_t guest_cid = 3;
  // Whether the VM has a balloon device, through which the guest's kernel reports memory that it
  // has free (virtio 1.2, section 5.5.6.7). That memory goes back to the host, and is holes in the
  // next snapshot. A kernel without the driver leaves the device alone.
  bool report_free_memory = true;
  VmAttachments attachments{};
};

}  // namespace faasnap
