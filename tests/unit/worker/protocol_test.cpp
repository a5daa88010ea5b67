// SPDX-License-Identifier: Apache-2.0

#include "worker/protocol.h"

#include <catch2/catch_test_macros.hpp>
#include <cerrno>
#include <string>
#include <vector>

#include "base/error.h"
#include "support/support.h"

namespace faasnap::worker {
namespace {

using test::error_of;

TEST_CASE("options arrive as they were sent") {
  RestoreRequest sent{.layers = {{.directory = "/snapshots/json", .files = 5, .direct_files = 4},
                                 {.directory = "/snapshots/base", .files = 7, .direct_files = 0}},
                      .options = {.setting = Setting::reap,
                                  .prefill = false,
                                  .record_accesses = AccessRecording::misses,
                                  .root_image = "/images/root",
                                  .release_free_memory = true,
                                  .start = false},
                      .prepared = true,
                      .asked = Nanoseconds(-7),
                      .sinks = {.console = true, .log = false, .vsock_socket = true}};
  RestoreRequest got;
  decode(encode(sent), got);
  REQUIRE(got.layers.size() == 2);
  CHECK(got.layers[0].directory == "/snapshots/json");
  CHECK(got.layers[0].files == 5);
  CHECK(got.layers[0].direct_files == 4);
  CHECK(got.layers[1].directory == "/snapshots/base");
  CHECK(got.layers[1].files == 7);
  CHECK(got.options.setting == Setting::reap);
  CHECK_FALSE(got.options.prefill);
  CHECK(got.options.record_accesses == AccessRecording::misses);
  CHECK(got.options.root_image == "/images/root");
  CHECK(got.options.release_free_memory);
  CHECK_FALSE(got.options.start);
  CHECK(got.prepared);
  CHECK(got.asked == Nanoseconds(-7));
  CHECK(got.sinks.console);
  CHECK_FALSE(got.sinks.log);
  CHECK(got.sinks.vsock_socket);
}

TEST_CASE("limits, and how often they were met, arrive as they were sent") {
  VmAttachments sent;
  sent.limits = {.console = {.per_second = 1_KiB, .burst = 2_KiB},
                 .disk = {.reading = 3_KiB},
                 .device_slice = Nanoseconds(4'000'000),
                 .connections = 5,
                 .unread_data = Nanoseconds(6)};
  VmAttachments got;
  decode(encode(sent), got);
  CHECK(got.limits.console.per_second == 1_KiB);
  CHECK(got.limits.console.burst == 2_KiB);
  CHECK(got.limits.disk.reading == 3_KiB);
  CHECK(got.limits.device_slice == Nanoseconds(4'000'000));
  CHECK(got.limits.connections == 5);
  CHECK(got.limits.unread_data == Nanoseconds(6));

  const LimitHits hits{.dropped_console = 1_KiB,
                       .refused_connections = 2,
                       .dropped_connections = 3,
                       .delayed_reads = 4,
                       .device_slices = 5};
  LimitHits seen;
  decode(encode(hits), seen);
  CHECK(seen.dropped_console == 1_KiB);
  CHECK(seen.refused_connections == 2);
  CHECK(seen.dropped_connections == 3);
  CHECK(seen.delayed_reads == 4);
  CHECK(seen.device_slices == 5);
}

TEST_CASE("an error arrives with its kind, operation, path, reason and number") {
  const auto failure = [] {
    base::fail_errno("open the hypervisor", "/dev/kvm", EACCES);
    return 0;
  };
  const Error sent = error_of(failure);
  ErrorText text;
  decode(encode(describe(std::make_exception_ptr(sent))), text);
  const Error got = error_of([&] { raise(text); });
  CHECK(got.kind() == sent.kind());
  CHECK(got.operation() == sent.operation());
  CHECK(got.path() == sent.path());
  CHECK(got.error_number() == EACCES);
  CHECK(std::string(got.what()) == sent.what());
}

TEST_CASE("lists arrive as they were sent") {
  const std::vector<PageAccess> sent{{PageIndex{3}, Nanoseconds(9), true, false, true},
                                     {PageIndex{1}, Nanoseconds(10), false, true, false}};
  std::vector<PageAccess> got;
  decode(encode(sent), got);
  CHECK(got == sent);
}

TEST_CASE("a body that nobody writes is refused") {
  const auto refused = [](const std::vector<std::byte>& body, auto value) {
    return error_of([&] { decode(body, value); }).kind() == ErrorKind::corrupt;
  };
  CHECK(refused({}, std::uint32_t{0}));
  CHECK(refused(encode(std::uint64_t{1}), std::uint32_t{0}));         // bytes are left
  CHECK(refused({std::byte{2}}, false));                              // no truth value
  CHECK(refused({std::byte{99}}, VmState::running));                  // no enumerator
  CHECK(refused(encode(std::uint32_t{0xffff'ffff}), std::string()));  // longer than the body
  CHECK(refused(encode(std::uint32_t{0xffff'ffff}), std::vector<PageLoad>()));
}

}  // namespace
}  // namespace faasnap::worker
