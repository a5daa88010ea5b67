// SPDX-License-Identifier: Apache-2.0

// faasnap-paced-disk: the lab's data disk if it has a profile (docs/guide/lab.md). faasnap-lab
// starts it with one end of a socket pair; QEMU has the other end.
//
// QEMU's own throttle is not used, since its bucket lets the bytes of 100 ms pass at once; nor
// nbdkit's delay filter, which has a resolution of milliseconds.

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cerrno>
#include <iostream>
#include <stdexcept>
#include <system_error>

#include "harness/program.h"
#include "remote_disk/disk_profile.h"
#include "remote_disk/nbd_handshake.h"
#include "remote_disk/nbd_server.h"

namespace faasnap::bench {
namespace {

constexpr const char* kName = "faasnap-paced-disk";

[[noreturn]] void fail(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}

std::uint64_t size_of(const tools::Descriptor& file, const std::string& path) {
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) {
    fail(path);
  }
  return static_cast<std::uint64_t>(status.st_size);
}

void serve(const std::string& path, tools::Descriptor socket, const LinkSpeed& speed) {
  tools::Descriptor file = tools::open_file(path, O_RDWR);
  const std::uint64_t size = size_of(file, path);
  const auto greeting = nbd_handshake(size);
  // An empty socket takes the greeting whole.
  if (::send(socket.get(), greeting.data(), greeting.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(greeting.size())) {
    fail("the client's socket");
  }
  // Threads inherit the slack: answers are due within microseconds, and the kernel's default adds
  // 50.
  ::prctl(PR_SET_TIMERSLACK, 1000UL);
  NbdServer(std::move(file), size, std::move(socket), speed).wait();
}

CommandLine command_line() {
  CommandLine line({.name = kName,
                    .text = "Serves a file as a disk of a profile to one NBD client, and ends with "
                            "it; or prints the disk's figures.",
                    .example = "faasnap-paced-disk --profile nvme --dilation 10 --describe"});
  line.option("profile", "NAME", "nvme, ssd or ebs");
  line.option("dilation", "N", "slow the disk down this many times", "1");
  line.flag("describe", "print the disk's figures");
  line.option("file", "FILE", "the disk's content");
  line.option("socket", "FD", "descriptor of the socket to the client");
  return line;
}

const DiskProfile& profile_of(const CommandLine& line) {
  try {
    return disk_profile(line.text("profile"));
  } catch (const std::invalid_argument& error) {
    throw UsageError(error.what());
  }
}

int run(const CommandLine& line) {
  constexpr std::uint64_t kMostDescriptors = 1 << 20;
  const double dilation = line.positive("dilation");
  const DiskProfile& profile = profile_of(line);
  if (line.has("describe")) {
    std::cout << describe(profile, dilation).dump() << '\n';
    return 0;
  }
  const auto socket = static_cast<int>(line.number("socket", 0, kMostDescriptors));
  serve(line.text("file"), tools::Descriptor(socket), profile.speed.slower(dilation));
  return 0;
}

}  // namespace
}  // namespace faasnap::bench

int main(int argc, char** argv) {
  using namespace faasnap::bench;
  return run_program(argc, argv, command_line, run);
}
