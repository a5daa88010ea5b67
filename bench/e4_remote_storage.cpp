// SPDX-License-Identifier: Apache-2.0

// E4, remote storage (FaaSnap, section 6): E1 with the snapshots on a block device that is as slow
// as one across a network, and with loading sets that merge over no gap.

#include <fmt/format.h>

#include "functions/run.h"
#include "harness/lab_calibration.h"
#include "harness/program.h"
#include "remote_disk/disk_profile.h"
#include "remote_disk/remote_disk.h"
#include "tools/accelerator.h"

namespace faasnap::bench {
namespace {

constexpr GuestProgram kProgram{
    .name = "bench_e4_remote_storage",
    .experiment = "e4",
    .help =
        "Records each function with its first input and invokes it with its second under each "
        "setting, cold, with the snapshot on a block device that has a delay and a limited "
        "bandwidth, which this program makes. Needs root and the kernel's driver nbd.",
    .example = "bench_e4_remote_storage --quick --functions json,hello --latency-us 2000",
    .settings = "lazy,reap,faasnap,faasnap+gap0,stream"};

constexpr double kMebi = 1 << 20;

void add_link_options(CommandLine& line) {
  const LinkSpeed& speed = disk_profile("ebs").speed;
  const std::chrono::duration<double, std::micro> latency(speed.latency);
  line.option("latency-us", "N", "time from a read to its answer",
              fmt::format("{:g}", latency.count()));
  line.option("bandwidth-mib", "N", "MiB per second", fmt::format("{:g}", speed.bytes / kMebi));
  line.option("iops", "N", "reads per second", fmt::format("{:g}", speed.requests));
  line.option("dilation", "N",
              "slow the device down this many times, as the processor is (default: the "
              "lab's calibration; 1 outside a lab)");
}

// Slowing the device down as much as the processor keeps the proportion of computing to reading.
double dilation(const CommandLine& line) {
  if (line.has("dilation")) {
    return line.positive("dilation");
  }
  if (!tools::in_lab()) {
    return 1;
  }
  const auto measured = dilation_of(lab_calibration());
  if (!measured) {
    throw UsageError(
        "this lab is not calibrated: start it with --calibrated, or give --dilation N");
  }
  return *measured;
}

LinkSpeed link_speed(const CommandLine& line) {
  const std::chrono::duration<double, std::micro> latency(line.positive("latency-us"));
  return LinkSpeed{std::chrono::duration_cast<std::chrono::nanoseconds>(latency),
                   line.positive("bandwidth-mib") * kMebi, line.positive("iops")}
      .slower(dilation(line));
}

CommandLine command_line() {
  CommandLine line = guest_command_line(kProgram);
  add_link_options(line);
  return line;
}

int run(const CommandLine& line) {
  GuestOptions options = guest_options(kProgram, line);
  const LinkSpeed speed = link_speed(line);
  std::filesystem::create_directories(options.data);
  const RemoteDisk disk(options.data, speed);
  options.data = disk.directory();
  options.disk = "remote, " + speed.figures();
  const auto measure = [&](const std::filesystem::path& snapshot, const Invocation& invocation) {
    const NbdServer::Traffic before = disk.reads();
    nlohmann::json record = invoke_cold(snapshot, invocation);
    const NbdServer::Traffic after = disk.reads();
    record["device_reads"] = after.requests - before.requests;
    record["device_read_bytes"] = after.bytes - before.bytes;
    return record;
  };
  return run_experiment(options, changed_input(options), std::vector<std::string>{"function"},
                        measure);
}

}  // namespace
}  // namespace faasnap::bench

int main(int argc, char** argv) {
  using namespace faasnap::bench;
  return run_program(argc, argv, command_line, run);
}
