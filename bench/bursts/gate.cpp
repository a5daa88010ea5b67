// SPDX-License-Identifier: Apache-2.0

#include "bursts/gate.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace faasnap::bench {
namespace {

[[noreturn]] void fail() { throw std::system_error(errno, std::generic_category(), "pipe"); }

void write_whole(const tools::Descriptor& descriptor, const std::string& text) {
  if (::write(descriptor.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    fail();
  }
}

}  // namespace

Gate::Gate() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) {
    fail();
  }
  entrance_ = tools::Descriptor(ends[0]);
  exit_ = tools::Descriptor(ends[1]);
  write_whole(exit_, " ");
}

bool Gate::reached() const {
  int unread = 0;
  if (::ioctl(entrance_.get(), FIONREAD, &unread) != 0) {
    fail();
  }
  return unread == 0;
}

void Gate::open(const std::string& document) {
  write_whole(exit_, document);
  exit_ = tools::Descriptor();
}

}  // namespace faasnap::bench
