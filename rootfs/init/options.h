// SPDX-License-Identifier: Apache-2.0

#ifndef FAASNAP_INIT_OPTIONS_H_
#define FAASNAP_INIT_OPTIONS_H_

#include <cstdint>
#include <string>
#include <vector>

namespace faasnap::init {

// What the words of the form faasnap.NAME=VALUE say, on the kernel's command line in a guest and on
// the program's own outside. docs/guide/guest-agent.md lists them.
struct Options {
  // The root file system's device (the kernel's word root=).
  std::string root = "/dev/vda";
  std::string listen = "vsock:4294967295:8080";
  std::string runtime_api = "tcp:127.0.0.1:9001";
  std::string image = "/etc/faasnap/image.json";
  std::string store = "vsock:2:6379";
  // Stands for the image's handler, if it is not empty.
  std::string function;
  // What takes the files that are written to the root: the size of a file system in memory, as
  // mount(8) takes it, or the device of a disk, which is made empty.
  std::string overlay = "50%";
  // The network at boot, as POST /network takes it; empty to leave the interface as it is.
  std::string network;
  // Most bytes of a request's body and of a response.
  std::uint64_t max_payload = 16 << 20;
  // True if the guest offers the artifact's functions exec, run and allocate.
  bool artifact = false;
  bool shell = false;
  bool test = false;
};

// Ends the program if a word that begins with "faasnap." is unknown or malformed, so that a
// misspelt one is noticed. Other words are the kernel's.
Options parse_options(const std::vector<std::string>& words);

}  // namespace faasnap::init

#endif  // FAASNAP_INIT_OPTIONS_H_
