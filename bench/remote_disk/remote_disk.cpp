// SPDX-License-Identifier: Apache-2.0

#include "remote_disk/remote_disk.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <stdexcept>
#include <system_error>

#include "harness/process.h"

namespace faasnap::bench {
namespace {

// The file is sparse: it takes up only what was written.
constexpr std::uint64_t kSize = 64ULL << 30;

[[noreturn]] void fail(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}

}  // namespace

RemoteDisk::RemoteDisk(const std::filesystem::path& place, const LinkSpeed& speed)
    : file_(place / "remote-disk.raw"), mounted_(place / "remote-disk") {
  if (::geteuid() != 0) {
    throw std::runtime_error("a remote disk needs root, to make and mount a block device");
  }
  remove();
  try {
    make(speed);
  } catch (...) {
    remove();
    throw;
  }
}

RemoteDisk::~RemoteDisk() { remove(); }

void RemoteDisk::make(const LinkSpeed& speed) {
  std::filesystem::create_directories(mounted_);
  tools::Descriptor file = tools::open_file(file_, O_RDWR | O_CREAT);
  if (::ftruncate(file.get(), static_cast<off_t>(kSize)) != 0) {
    fail(file_.string());
  }
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    fail("socketpair");
  }
  tools::Descriptor client(ends[0]);
  server_ = std::make_unique<NbdServer>(std::move(file), kSize, tools::Descriptor(ends[1]), speed);
  device_ = std::make_unique<NbdDevice>(std::move(client), kSize);
  make_file_system();
  if (::mount(device_->path().c_str(), mounted_.c_str(), "xfs", MS_NOATIME, nullptr) != 0) {
    fail("mount " + mounted_.string());
  }
}

void RemoteDisk::make_file_system() const {
  const std::filesystem::path log = file_.string() + ".log";
  // XFS uses large folios in the page cache, from Linux 5.18 on.
  Process({"mkfs.xfs", "-q", "-f", "-K", device_->path().string()}, {.log = log}).wait();
  std::filesystem::remove(log);
}

void RemoteDisk::remove() noexcept {
  // Detaches it if it is still in use, or if it remains from a run whose server is gone.
  if (::umount2(mounted_.c_str(), 0) != 0) {
    ::umount2(mounted_.c_str(), MNT_DETACH);
  }
  device_.reset();
  server_.reset();
  std::error_code ignored;
  std::filesystem::remove(mounted_, ignored);
  std::filesystem::remove(file_, ignored);
}

}  // namespace faasnap::bench
