// SPDX-License-Identifier: Apache-2.0

#include "peers/qemu_peer.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>
#include <thread>

#include "harness/process.h"
#include "peers/qmp_client.h"

namespace faasnap::bench {
namespace {

using nlohmann::json;

constexpr const char* kProgram = "qemu-system-x86_64";
constexpr auto kPeerPatience = std::chrono::seconds(180);
// QEMU's descriptor of the file that it restores from.
constexpr int kStreamDescriptor = 100;

std::chrono::microseconds wall_clock() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
      std::chrono::system_clock::now().time_since_epoch());
}

std::string read_text(const std::filesystem::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

template <typename Condition>
void wait_until(Process& qemu, const std::string& what, Condition condition) {
  const auto deadline = std::chrono::steady_clock::now() + kPeerPatience;
  while (!condition()) {
    if (qemu.ended()) {
      qemu.wait();
      throw std::runtime_error("QEMU ended before " + what);
    }
    if (std::chrono::steady_clock::now() > deadline) {
      throw std::runtime_error("timed out waiting for QEMU: " + what);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
}

void set_capabilities(QmpClient& qmp, QemuMemory memory) {
  if (memory == QemuMemory::mapped) {
    const json capability{{"capability", "x-ignore-shared"}, {"state", true}};
    qmp.execute("migrate-set-capabilities", {{"capabilities", json::array({capability})}});
  }
}

// Returns the path for an option of QEMU, in which a comma ends a value.
std::string escaped(const std::filesystem::path& path) {
  std::string text;
  for (const char c : path.string()) {
    text += c == ',' ? std::string(",,") : std::string(1, c);
  }
  return text;
}

// Returns the path quoted for the shell.
std::string quoted(const std::filesystem::path& path) {
  std::string text = "'";
  for (const char c : path.string()) {
    text += c == '\'' ? std::string("'\\''") : std::string(1, c);
  }
  return text + "'";
}

}  // namespace

const char* to_string(QemuMemory memory) noexcept {
  return memory == QemuMemory::mapped ? "qemu-mapped" : "qemu";
}

bool has_qemu() {
  std::istringstream path(std::getenv("PATH") != nullptr ? std::getenv("PATH") : "");
  for (std::string place; std::getline(path, place, ':');) {
    if (::access((place + "/" + kProgram).c_str(), X_OK) == 0) {
      return true;
    }
  }
  return false;
}

QemuPeer::QemuPeer(GuestParts guest, QemuMemory memory, std::filesystem::path directory)
    : guest_(std::move(guest)), memory_(memory), directory_(std::move(directory)) {
  std::filesystem::create_directories(directory_);
  save();
}

std::vector<std::filesystem::path> QemuPeer::files() const {
  std::vector<std::filesystem::path> files{directory_ / "stream"};
  if (memory_ == QemuMemory::mapped) {
    files.push_back(directory_ / "memory");
  }
  return files;
}

// The smallest microvm that runs Debian's kernel, with the devices that ours has and that QEMU can
// migrate: it cannot migrate vsock.
std::vector<std::string> QemuPeer::arguments(bool incoming) const {
  const std::string size = std::to_string(guest_.memory);
  std::string machine = "microvm,acpi=on,pit=on,pic=on,rtc=off,isa-serial=on";
  std::vector<std::string> argv{kProgram, "-nodefaults", "-no-user-config", "-display", "none"};
  if (memory_ == QemuMemory::mapped) {
    machine += ",memory-backend=mem";
    argv.insert(argv.end(), {"-object", "memory-backend-file,id=mem,size=" + size +
                                            ",mem-path=" + escaped(directory_ / "memory") +
                                            (incoming ? ",share=off" : ",share=on")});
  }
  argv.insert(
      argv.end(),
      {"-accel",
       "kvm",
       "-cpu",
       "host",
       "-M",
       machine,
       "-global",
       "virtio-mmio.force-legacy=false",
       "-smp",
       std::to_string(guest_.vcpus),
       "-m",
       "size=" + std::to_string(guest_.memory >> 20) + "M",
       "-kernel",
       (guest_.images / "vmlinux").string(),
       "-initrd",
       (guest_.images / "initramfs").string(),
       "-append",
       "console=ttyS0 quiet reboot=k panic=-1 root=/dev/vda ro faasnap.listen=unix:/tmp/agent",
       "-drive",
       "if=none,id=root,format=raw,readonly=on,file=" + escaped(guest_.images / "rootfs.img"),
       "-device",
       "virtio-blk-device,drive=root",
       "-serial",
       "file:" + (directory_ / "console").string(),
       "-chardev",
       "socket,id=qmp,server=off,path=" + escaped(directory_ / "qmp"),
       "-mon",
       "chardev=qmp,mode=control"});
  if (incoming) {
    argv.insert(argv.end(), {"-incoming", "defer"});
  }
  return argv;
}

void QemuPeer::save() {
  QmpClient qmp(directory_ / "qmp");
  Process qemu(arguments(false), {.log = directory_ / "log"});
  qmp.accept();
  wait_until(qemu, "the guest's agent", [&] {
    return read_text(directory_ / "console").find("agent: listening on") != std::string::npos;
  });
  set_capabilities(qmp, memory_);
  qmp.execute("migrate-set-parameters", {{"max-bandwidth", std::int64_t{1} << 40}});
  // The guest runs until the end of the stream, so that QEMU starts it by itself after a restore.
  qmp.execute("migrate", {{"uri", "exec:cat > " + quoted(directory_ / "stream")}});
  wait_until(qemu, "the end of the save", [&] {
    const std::string status = qmp.execute("query-migrate").value("status", "");
    if (status == "failed") {
      throw std::runtime_error("QEMU cannot save its guest");
    }
    return status == "completed";
  });
  qmp.execute("quit");
  qemu.wait();
}

QemuPeer::Restored QemuPeer::restore() {
  QmpClient qmp(directory_ / "qmp");
  const auto start = wall_clock();
  const tools::Descriptor stream = tools::open_file(directory_ / "stream", O_RDONLY);
  Process qemu(arguments(true),
               {.log = directory_ / "log", .inherited = {{stream.get(), kStreamDescriptor}}});
  qmp.accept();
  set_capabilities(qmp, memory_);
  const auto command = wall_clock();
  qmp.execute("migrate-incoming", {{"uri", "fd:" + std::to_string(kStreamDescriptor)}});
  const auto resumed = qmp.wait_event("RESUME");
  if (!qmp.execute("query-status").value("running", false)) {
    throw std::runtime_error("QEMU's guest does not run after its restore");
  }
  qmp.execute("quit");
  qemu.wait();
  return {.from_start = resumed - start, .from_command = resumed - command};
}

}  // namespace faasnap::bench
