// faasnap-paced-disk: the lab's data disk where it has a profile (docs/guide/lab.md). Started by
// faasnap-lab with one end of a socket pair whose other end QEMU has.
//
// QEMU's own throttle is not used, since its bucket lets the bytes of 100 ms pass at once, nor
// nbdkit's delay filter, which knows whole milliseconds only.

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cerrno>
#include <cxxopts.hpp>
#include <iostream>
#include <stdexcept>
#include <system_error>

#include "common/program.h"
#include "remote_disk/disk_profile.h"
#include "remote_disk/nbd_handshake.h"
#include "remote_disk/nbd_server.h"

namespace faasnap::bench {
namespace {

constexpr const char* kName = "faasnap-paced-disk";

[[noreturn]] void fail(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}

std::uint64_t size_of(const Descriptor& file, const std::string& path) {
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) {
    fail(path);
  }
  return static_cast<std::uint64_t>(status.st_size);
}

void serve(const std::string& path, Descriptor socket, const LinkSpeed& speed) {
  Descriptor file = open_file(path, O_RDWR);
  const std::uint64_t size = size_of(file, path);
  const auto greeting = nbd_handshake(size);
  // A socket that nothing was sent to yet takes it whole.
  if (::send(socket.get(), greeting.data(), greeting.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(greeting.size())) {
    fail("the client's socket");
  }
  // Threads inherit it: answers are due within microseconds, and the kernel's default adds 50.
  ::prctl(PR_SET_TIMERSLACK, 1000UL);
  NbdServer(std::move(file), size, std::move(socket), speed).wait();
}

int run(int argc, char** argv) {
  cxxopts::Options line(kName,
                        "Serves a file as a disk of a profile to one NBD client, and ends with it; "
                        "or only tells the disk's figures.\n"
                        "Example: faasnap-paced-disk --profile nvme --dilation 10 --describe\n");
  line.add_options()("profile", "nvme, ssd or ebs", cxxopts::value<std::string>())(
      "dilation", "the disk is this many times as slow",
      cxxopts::value<double>()->default_value("1"))("describe", "prints the disk's figures")(
      "file", "its content", cxxopts::value<std::string>())(
      "socket", "a descriptor that is connected to the client", cxxopts::value<int>())("help",
                                                                                       "this text");
  const auto found = line.parse(argc, argv);
  if (found.count("help") != 0) {
    std::cout << line.help();
    return 0;
  }
  const auto dilation = found["dilation"].as<double>();
  if (!(dilation > 0)) {
    throw cxxopts::exceptions::specification("--dilation must be more than 0");
  }
  const DiskProfile& profile = [&]() -> const DiskProfile& {
    try {
      return disk_profile(found["profile"].as<std::string>());
    } catch (const std::invalid_argument& error) {
      throw cxxopts::exceptions::specification(error.what());
    }
  }();
  if (found.count("describe") != 0) {
    std::cout << describe(profile, dilation).dump() << '\n';
    return 0;
  }
  serve(found["file"].as<std::string>(), Descriptor(found["socket"].as<int>()),
        profile.speed.slower(dilation));
  return 0;
}

}  // namespace
}  // namespace faasnap::bench

int main(int argc, char** argv) {
  using namespace faasnap::bench;
  return run_program(kName, [&] { return run(argc, argv); });
}
