// SPDX-License-Identifier: Apache-2.0

#include "remote_disk/nbd_device.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/fs.h>
#include <linux/nbd.h>
#include <sys/ioctl.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <future>
#include <stdexcept>
#include <system_error>

#include "harness/process.h"

namespace faasnap::bench {
namespace {

constexpr unsigned kBlock = 512;
constexpr unsigned kDevices = 16;
constexpr auto kPatience = std::chrono::seconds(30);

void load_driver() {
  const std::filesystem::path first = "/sys/block/nbd0";
  if (std::filesystem::exists(first)) {
    return;
  }
  try {
    Process({"modprobe", "nbd"}, {.log = "/dev/null"}).wait();
  } catch (const std::exception&) {
    // The check below decides.
  }
  if (!std::filesystem::exists(first)) {
    throw std::runtime_error(
        "the kernel's driver nbd cannot be loaded (modprobe nbd; CONFIG_BLK_DEV_NBD)");
  }
}

std::filesystem::path free_device() {
  for (unsigned i = 0; i < kDevices; ++i) {
    const std::string name = fmt::format("nbd{}", i);
    if (std::filesystem::exists("/sys/block/" + name) &&
        !std::filesystem::exists("/sys/block/" + name + "/pid")) {
      return "/dev/" + name;
    }
  }
  throw std::runtime_error("every device of the driver nbd is in use");
}

// Gives the device its socket and size, reports the result in `ready`, and stays in the driver
// until the device is removed. The driver needs one thread for all of this.
void serve(int device, int socket, std::uint64_t size, std::promise<void> ready) noexcept {
  const auto set = [&](const char* what, unsigned long request, unsigned long value) {
    if (::ioctl(device, request, value) != 0) {
      throw std::system_error(errno, std::generic_category(), what);
    }
  };
  try {
    set("NBD_SET_SOCK", NBD_SET_SOCK, static_cast<unsigned long>(socket));
    set("NBD_SET_BLKSIZE", NBD_SET_BLKSIZE, kBlock);
    set("NBD_SET_SIZE_BLOCKS", NBD_SET_SIZE_BLOCKS, size / kBlock);
    set("NBD_SET_FLAGS", NBD_SET_FLAGS, NBD_FLAG_HAS_FLAGS);
  } catch (...) {
    ready.set_exception(std::current_exception());
    return;
  }
  ready.set_value();
  ::ioctl(device, NBD_DO_IT);
}

// A signal would make the driver give up the device, so threads started meanwhile block all
// signals.
class ScopedSignalBlock {
 public:
  ScopedSignalBlock() {
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~ScopedSignalBlock() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_;
};

}  // namespace

NbdDevice::NbdDevice(tools::Descriptor socket, std::uint64_t size) : socket_(std::move(socket)) {
  load_driver();
  path_ = free_device();
  device_ = tools::open_file(path_, O_RDWR);
  std::promise<void> promise;
  std::future<void> ready = promise.get_future();
  {
    const ScopedSignalBlock block;
    serving_ = std::thread(serve, device_.get(), socket_.get(), size, std::move(promise));
  }
  try {
    ready.get();
    await_size(size);
  } catch (...) {
    detach();
    throw;
  }
}

NbdDevice::~NbdDevice() { detach(); }

void NbdDevice::await_size(std::uint64_t size) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  for (std::uint64_t found = 0; found != size;) {
    if (std::chrono::steady_clock::now() > deadline) {
      throw std::runtime_error(path_.string() + ": timed out waiting for the device");
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    if (::ioctl(device_.get(), BLKGETSIZE64, &found) != 0) {
      throw std::system_error(errno, std::generic_category(), path_.string());
    }
  }
}

void NbdDevice::detach() noexcept {
  ::ioctl(device_.get(), NBD_DISCONNECT);
  ::ioctl(device_.get(), NBD_CLEAR_SOCK);
  serving_.join();
}

}  // namespace faasnap::bench
