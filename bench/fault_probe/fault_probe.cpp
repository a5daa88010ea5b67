// SPDX-License-Identifier: Apache-2.0

#include "fault_probe/fault_probe.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <utility>

#include "tools/descriptor.h"

namespace faasnap::bench {
namespace {

const std::filesystem::path kTracing = "/sys/kernel/tracing";
// The group of all events of this program.
constexpr const char* kGroup = "faasnap";
// Each thread on which the probed function ever ran takes one entry of a histogram.
constexpr unsigned kThreads = 16384;
// Maximum number of simultaneous calls of one function.
constexpr unsigned kCalls = 64;
constexpr const char* kLogarithm = "hist:keys=ns.log2";

std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path);
  if (!file) {
    throw std::runtime_error(path.string() + ": cannot be read");
  }
  return {std::istreambuf_iterator<char>(file), {}};
}

// Returns the kernel's message about the last thing that it refused, a line such as "[   12.3]
// hist:faasnap:begin: error: Couldn't find field", or an empty string.
std::string last_complaint() {
  std::ifstream file(kTracing / "error_log");
  std::string last;
  for (std::string line; std::getline(file, line);) {
    if (const auto found = line.find(": error: "); found != std::string::npos) {
      last = line.substr(found + std::strlen(": error: "));
    }
  }
  return last;
}

// Appends: a file that is opened for overwriting loses what others have written.
int append(const std::string& file, const std::string& text) {
  const tools::Descriptor descriptor(
      ::open((kTracing / file).c_str(), O_WRONLY | O_APPEND | O_CLOEXEC));
  if (descriptor.get() < 0) {
    return errno;
  }
  const std::string line = text + '\n';
  return ::write(descriptor.get(), line.data(), line.size()) < 0 ? errno : 0;
}

void append_or_throw(const std::string& file, const std::string& text) {
  if (const int error = append(file, text); error != 0) {
    const std::string complaint = error == EINVAL ? last_complaint() : "";
    throw std::runtime_error(fmt::format("{}: '{}': {}{}{}", (kTracing / file).string(), text,
                                         std::strerror(error), complaint.empty() ? "" : ": ",
                                         complaint));
  }
}

void require_tracefs() {
  if (::geteuid() != 0) {
    throw std::runtime_error("probes in the kernel need root");
  }
  for (const char* file : {"kprobe_events", "synthetic_events"}) {
    if (!std::filesystem::exists(kTracing / file)) {
      throw std::runtime_error(
          fmt::format("{} is missing: mount tracefs there; the kernel needs CONFIG_KPROBE_EVENTS, "
                      "CONFIG_SYNTH_EVENTS and CONFIG_HIST_TRIGGERS",
                      (kTracing / file).string()));
    }
  }
}

}  // namespace

FaultProbe::FaultProbe(std::string name, const std::string& function, const std::string& arguments,
                       const std::string& filter)
    : name_(std::move(name)) {
  require_tracefs();
  const std::string begin = fmt::format("{}/{}_begin", kGroup, name_);
  const std::string end = fmt::format("{}/{}_end", kGroup, name_);
  const std::string took = fmt::format("{}_{}", kGroup, name_);
  const std::string started = fmt::format("hist:keys=common_pid:ts_{}=common_timestamp:size={}{}",
                                          name_, kThreads, filter.empty() ? "" : " if " + filter);
  const std::string returned = fmt::format(
      "hist:keys=common_pid:ns=common_timestamp-$ts_{0}:size={1}:"
      "onmatch({2}.{0}_begin).trace({3},$ns)",
      name_, kThreads, kGroup, took);
  changes_ = {
      {"kprobe_events", fmt::format("p:{} {} {}", begin, function, arguments), "-:" + begin},
      {"kprobe_events", fmt::format("r{}:{} {}", kCalls, end, function), "-:" + end},
      {"synthetic_events", took + " u64 ns", "!" + took + " u64 ns"},
      {fmt::format("events/{}/trigger", begin), started, "!" + started},
      {fmt::format("events/{}/trigger", end), returned, "!" + returned},
      {fmt::format("events/synthetic/{}/trigger", took), kLogarithm,
       fmt::format("!{}", kLogarithm)},
  };
  undo();  // an earlier run may have been killed
  try {
    for (const Change& change : changes_) {
      append_or_throw(change.file, change.text);
    }
  } catch (...) {
    undo();
    throw;
  }
}

FaultProbe::~FaultProbe() { undo(); }

void FaultProbe::undo() const noexcept {
  for (auto last = changes_.rbegin(); last != changes_.rend(); ++last) {
    append(last->file, last->undo);
  }
}

void FaultProbe::clear() {
  append_or_throw(changes_.back().file, fmt::format("{}:clear", kLogarithm));
}

FaultHistogram FaultProbe::read() const {
  return parse_histogram(
      read_file(kTracing / fmt::format("events/synthetic/{}_{}/hist", kGroup, name_)));
}

}  // namespace faasnap::bench
