// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <faasnap/guest_limits.h>
#include <faasnap/log.h>
#include <faasnap/network.h>
#include <faasnap/units.h>
#include <faasnap/worker_options.h>

namespace faasnap {

// Receives what the guest writes to its serial console, in pieces, on a thread of the VM. Must not
// block. Gets no more than GuestLimits::console allows.
using ConsoleSink = std::function<void(std::string_view)>;

// A disk besides the root disk.
struct DiskOptions {
  // A regular file with the content, whose size is a multiple of 512 bytes. A disk that the guest
  // writes is open for this VM alone (flock(2)), and what the guest has flushed is safe from a
  // crash of the host. Empty: a scratch disk, which is zero at first and ends with the VM: it is a
  // file without a name in VmAttachments::scratch_directory, which takes space as the guest writes.
  std::filesystem::path path{};
  // The size of a scratch disk: a multiple of 512 bytes, at most 1 TiB. 0 for a file.
  Bytes size{};
  // True: writes are I/O errors. A scratch disk cannot be read-only.
  bool read_only = false;
};

// The live ends of a VM's devices, which a restored VM takes from its caller as a booted one does.
struct VmAttachments {
  // Receives the guest's serial output. Empty: the output is dropped.
  ConsoleSink console{};
  // Path of a Unix socket, made for the VM and removed with it, through which other processes reach
  // the guest's vsock ports: they write "CONNECT <port>\n" and read "OK <port>\n". The guest's own
  // connections go to `<path>_<port>`. Must not exist. Empty: streams in this process only.
  std::filesystem::path vsock_socket{};
  // The guest's network. Nothing: a booted VM has no network device, and the link of one that a
  // restored VM has is down. ErrorKind::invalid_argument for a snapshot of a VM without the device,
  // and ErrorKind::unsupported if this end cannot do what the saved one could.
  std::optional<NetworkOptions> network{};
  // The directory of the files that the VM writes for its disks: scratch disks, and what a restored
  // VM has changed of the disks in its snapshot. They have no names, and end with the VM. Empty:
  // /var/tmp, if the VM needs any.
  std::filesystem::path scratch_directory{};
  // Receives diagnostics of this VM. Empty: they are dropped.
  LogSink log{};
  // What the guest may make this process spend.
  GuestLimits limits{};
  // True: guest memory is part of core dumps, and of processes that fork from this one. False:
  // neither, so no crash writes what a guest knows to a disk, and a child that touches guest memory
  // gets SIGSEGV.
  bool expose_memory = false;
};

// How to boot a VM.
struct VmOptions {
  // ---- What changes behaviour.

  // A bzImage or an ELF vmlinux, for x86-64.
  std::filesystem::path kernel{};
  // Empty: none.
  std::filesystem::path initramfs{};
  // The root file system, attached read-only as /dev/vda. Empty: none.
  std::filesystem::path root_image{};
  // Further disks, at most 4: /dev/vdb and so on with a root image, in this order. A snapshot has
  // the content of each, whether the guest can write it or not; a VM that is restored writes to a
  // file of its own, and the file that was named here is not used any more.
  std::vector<DiskOptions> disks{};
  // The kernel command line, at most 2047 bytes.
  std::string command_line = "console=ttyS0 reboot=k panic=-1 root=/dev/vda ro";
  // Number of vCPUs, 1 to 8. Each costs a thread.
  unsigned vcpus = 2;
  // Size of guest memory: a multiple of the page size, from 128 MiB to 16 GiB. The host's memory is
  // taken page by page, when the guest first touches a page.
  Bytes memory = 2_GiB;
  // The guest's vsock address, 3 or more.
  std::uint32_t guest_cid = 3;
  VmAttachments attachments{};
  // A process of its own for the VM. Nothing: the VM is in this process.
  std::optional<WorkerOptions> worker{};

  // ---- What changes performance.

  // True: the VM has a balloon device, through which the guest's kernel reports free memory (virtio
  // 1.2, section 5.5.6.7). That memory goes back to the host and becomes holes in the next
  // snapshot, which is smaller and restores faster; reports cost the guest a pass over its free
  // lists every two seconds while it frees memory. A kernel without the driver ignores the device.
  bool report_free_memory = true;
};

}  // namespace faasnap
