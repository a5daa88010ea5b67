// SPDX-License-Identifier: Apache-2.0

// A host whose user watches as many descriptors as it may.
#include <faasnap/error.h>

#include <string>
#include <utility>

#include <catch2/catch_test_macros.hpp>

#include "support/forbidden_calls.h"
#include "virtio/vsock/socket_rig.h"

namespace faasnap::virtio::test {
namespace {

void fill_epoll(SocketRig& rig) {
  bool filtered = false;
  rig.driver.on_loop(
      [&] { filtered = faasnap::test::forbid(faasnap::test::without_new_watches()); });
  if (!filtered) {
    SKIP("this host allows no seccomp filter");
  }
}

void check_both_ways(SocketRig& rig, const base::UniqueFd& end, std::uint32_t host_port,
                     std::uint32_t guest_port) {
  rig.send(rig.packet(Op::data, host_port, guest_port), bytes_of("from the guest"));
  CHECK(text_of(read_exactly(end, 14)) == "from the guest");
  write_all(end, bytes_of("from the host"));
  CHECK(text_of(rig.next().data) == "from the host");
}

}  // namespace

TEST_CASE("A connection that cannot be watched is refused, and the others go on") {
  SocketRig rig;
  rig.listen();
  const auto [from_host, host_port] = rig.connect_from_host(kGuestPort);
  const base::UniqueFd from_guest = rig.connect_from_guest(1000);
  fill_epoll(rig);
  rig.send(rig.packet(Op::request, kHostPort, 1001));
  rig.expect(Op::reset, kHostPort, 1001);
  CHECK(rig.world.logged("refused a connection: watch descriptor"));
  try {
    rig.start_connect(kGuestPort);
    FAIL("accepted");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::limit);
    CHECK(std::string(error.what()).find("fs.epoll.max_user_watches") != std::string::npos);
  }
  CHECK(rig.connections() == 2);
  check_both_ways(rig, from_host, host_port, kGuestPort);
  check_both_ways(rig, from_guest, kHostPort, 1000);
}

TEST_CASE("A closed connection that cannot be watched for its last data ends alone") {
  SocketRig rig;
  const auto [other, other_port] = rig.connect_from_host(kGuestPort);
  auto [end, host_port] = rig.connect_from_host(kGuestPort);
  rig.fill(host_port);
  fill_epoll(rig);
  rig.close(host_port);
  CHECK(rig.world.logged("bytes of a connection: watch descriptor"));
  CHECK(rig.connections() == 1);
  check_both_ways(rig, other, other_port, kGuestPort);
}

}  // namespace faasnap::virtio::test
