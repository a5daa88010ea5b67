// E4, remote storage (FaaSnap, section 6): E1 with the snapshots on a block device that is as
// slow as one at the other end of a network, and with loading sets that are merged over no gap.

#include <fmt/format.h>

#include "common/lab_calibration.h"
#include "common/program.h"
#include "guests/run.h"
#include "remote_disk/disk_profile.h"
#include "remote_disk/remote_disk.h"

namespace faasnap::bench {
namespace {

constexpr GuestProgram kProgram{
    .name = "bench_e4_remote_storage",
    .experiment = "e4",
    .help =
        "Records each function with its first input and invokes it with its second under each "
        "setting, cold, with the snapshot on a block device with a delay and a limited "
        "bandwidth, which it makes. Needs root and the kernel's driver nbd.\n"
        "Example: bench_e4_remote_storage --quick --functions json,hello --latency-us 2000",
    .settings = "lazy,reap,faasnap,faasnap+gap0,stream"};

constexpr double kMebi = 1 << 20;

double positive(const cxxopts::ParseResult& found, const char* option) {
  const auto value = found[option].as<double>();
  if (!(value > 0)) {
    throw cxxopts::exceptions::specification(fmt::format("--{} must be more than 0", option));
  }
  return value;
}

void add_link_options(cxxopts::Options& line) {
  const auto number = [](double otherwise) {
    return cxxopts::value<double>()->default_value(fmt::format("{:g}", otherwise));
  };
  const LinkSpeed& speed = disk_profile("ebs").speed;
  const std::chrono::duration<double, std::micro> latency(speed.latency);
  line.add_options()("latency-us", "from a read to its answer", number(latency.count()))(
      "bandwidth-mib", "MiB that pass in a second", number(speed.bytes / kMebi))(
      "iops", "reads that pass in a second", number(speed.requests))(
      "dilation",
      "the device is this many times as slow as said, as the processor is; without: as the lab's "
      "calibration says, outside of a lab 1",
      cxxopts::value<double>());
}

// A device as much slower as the processor keeps the proportion of computing to reading.
double dilation(const cxxopts::ParseResult& found) {
  if (found.count("dilation") != 0) {
    return positive(found, "dilation");
  }
  if (from_environment("FAASNAP_IN_LAB", "").empty()) {
    return 1;
  }
  const auto measured = dilation_of(lab_calibration());
  if (!measured) {
    throw cxxopts::exceptions::specification(
        "this lab is not calibrated: start it with --calibrated, or say --dilation N");
  }
  return *measured;
}

LinkSpeed link_speed(const cxxopts::ParseResult& found) {
  const std::chrono::duration<double, std::micro> latency(positive(found, "latency-us"));
  return LinkSpeed{std::chrono::duration_cast<std::chrono::nanoseconds>(latency),
                   positive(found, "bandwidth-mib") * kMebi, positive(found, "iops")}
      .slower(dilation(found));
}

int run(int argc, char** argv) {
  cxxopts::Options line = guest_command_line(kProgram);
  add_link_options(line);
  const auto found = parse_command_line(line, argc, argv);
  GuestOptions options = guest_options(kProgram, found);
  const LinkSpeed speed = link_speed(found);
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
  return run_program(kProgram.name, [&] { return run(argc, argv); });
}
