// SPDX-License-Identifier: Apache-2.0

#include <catch2/catch_test_macros.hpp>

#include "support.h"

using namespace faasnap;
using namespace faasnap::test;

namespace {

// Linux 6.1 is "6.1.0-56-cloud-amd64" or the like; its directory is "6.1".
void check_kernel(const std::filesystem::path& kernel) {
  VmOptions options = boot_options();
  options.kernel = kernel / "vmlinuz";
  options.initramfs = kernel / "initramfs";
  const auto base = fresh_path("kernel-base");
  const auto recorded = fresh_path("kernel-recorded");
  {
    Guest guest = Guest::boot(options);
    const auto release = guest.health().at("kernel").get<std::string>();
    CHECK(release.starts_with(kernel.filename().string() + "."));
    guest.vm().snapshot(base);
  }
  const Snapshot image = Snapshot::open(base);
  const WorkingSet used = record(image, Recorder::userfaultfd, "hello", {{"name", "recorded"}});
  const Snapshot snapshot = image.derive(recorded, {.working_set = &used});
  Guest guest = Guest::restore(snapshot, {.setting = Setting::stream});
  // An invocation tells the guest the time; it is late by the way of the request.
  const auto sent = std::chrono::steady_clock::now();
  CHECK(guest.invoke("hello", {{"name", "again"}}).at("message") == "Hello, again!");
  const auto way = std::chrono::steady_clock::now() - sent;
  CHECK(guest.clock_error() < way + kClockTolerance);
  Snapshot::remove(base);
  Snapshot::remove(recorded);
}

}  // namespace

TEST_CASE("guests of other kernels are booted, recorded and restored") {
  require_kvm();
  const std::filesystem::path kernels = FAASNAP_SOURCE_DIR "/build/kernels";
  if (!std::filesystem::is_directory(kernels)) {
    SKIP("no kernels in " << kernels << "; `./dev images --kernels` makes them");
  }
  for (const auto& kernel : std::filesystem::directory_iterator(kernels)) {
    INFO(kernel.path());
    check_kernel(kernel.path());
  }
}
