// SPDX-License-Identifier: Apache-2.0

// What trusted keys cost: the time of opening a signed snapshot with a key, beside the same
// snapshot without one, cold and from the page cache. Of a whole snapshot and of a layer with its
// base, whose memory is made up. The two ways take turns.

#include <fmt/format.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include <faasnap/snapshot.h>
#include <faasnap/snapshot_signature.h>

#include "harness/conditions.h"
#include "harness/page_cache.h"
#include "harness/program.h"
#include "harness/statistics.h"
#include "replay/replay_image.h"
#include "replay/trace/recording.h"
#include "replay/trace/synthetic.h"

namespace faasnap::bench {
namespace {

namespace fs = std::filesystem;

constexpr const char* kProgram = "bench_signed_opening";
constexpr std::uint64_t kMostRounds = 10'000;
constexpr int kTries = 20;

// A pair of keys for this bench alone, as `openssl genpkey` and `openssl pkey` write them.
constexpr const char* kPrivateKey =
    "-----BEGIN PRIVATE KEY-----\n"
    "MC4CAQAwBQYDK2VwBCIEINg/U87EBhDc6Y449yi3ngrRXTSlM9lZ4thaYl0ouBoc\n"
    "-----END PRIVATE KEY-----\n";
constexpr const char* kPublicKey =
    "-----BEGIN PUBLIC KEY-----\n"
    "MCowBQYDK2VwAyEARyjNx6rVb1bvbTXbg1nVsKN0dutGPLNAr8h0b+yjmwE=\n"
    "-----END PUBLIC KEY-----\n";

struct Options {
  std::uint64_t rounds = 0;
  std::uint64_t memory_mib = 0;
  std::uint64_t base_percent = 0;
  fs::path data{};
};

CommandLine command_line() {
  CommandLine line({.name = kProgram,
                    .text = "Times the opening of a snapshot with a trusted key and without one; "
                            "needs no KVM.",
                    .example = "bench_signed_opening --memory 1024 --rounds 50"});
  line.option("rounds", "N", "openings of each kind", "50");
  line.option("memory", "MIB", "guest memory; 35 % of it is not zero", "128");
  line.option("base", "PERCENT", "what the base has of the image of the layer", "45");
  line.option("data", "DIR", "where the snapshots are made", data_directory().string());
  return line;
}

Options options_of(const CommandLine& line) {
  static constexpr std::uint64_t kLeastMemory = 128;  // a smaller one has no room for the pages
  static constexpr std::uint64_t kMostMemory = 16384;
  return {.rounds = line.number("rounds", 1, kMostRounds),
          .memory_mib = line.number("memory", kLeastMemory, kMostMemory),
          .base_percent = line.number("base", 1, 99),
          .data = line.text("data")};
}

// The synthetic trace with this much memory, and touches in proportion.
Trace trace_of(const Options& options) {
  const SyntheticShape whole;
  const std::uint64_t pages = Bytes{options.memory_mib << 20}.pages();
  const auto part = [&](std::uint64_t of) { return of * pages / whole.pages; };
  return make_synthetic_trace({.pages = pages,
                               .nonzero_pages = part(whole.nonzero_pages),
                               .nonzero_runs = part(whole.nonzero_runs),
                               .touched_pages = part(whole.touched_pages),
                               .touched_runs = part(whole.touched_runs),
                               .regions = part(whole.regions),
                               .inner_gap_pages = part(whole.inner_gap_pages),
                               .zero_pages = part(whole.zero_pages),
                               .zero_runs = part(whole.zero_runs)});
}

fs::path write_key(const fs::path& file, const char* text) {
  std::ofstream(file) << text;
  return file;
}

// The files of a snapshot and its bases.
std::vector<fs::path> files_of(const Snapshot& snapshot) {
  std::vector<fs::path> files;
  for (const SnapshotLayer& layer : snapshot.layers()) {
    for (const auto& entry : fs::directory_iterator(layer.directory)) {
      files.push_back(entry.path());
    }
  }
  return files;
}

void make_cold(const std::vector<fs::path>& files) {
  std::uint64_t left = 1;
  for (int i = 0; i < kTries && left != 0; ++i) {
    left = 0;
    for (const fs::path& file : files) {
      left += drop_from_cache(file);
    }
  }
  if (left != 0) {
    throw std::runtime_error(fmt::format("{} pages of {} are still in the page cache", left,
                                         files.front().parent_path().string()));
  }
}

// Returns the bytes that a key has hashed at opening (docs/reference/snapshot-format.md#signature):
// whole files, and of sets what is before their data, which follows the frame on the next page.
std::uint64_t hashed_bytes(const std::vector<fs::path>& files) {
  std::uint64_t bytes = 0;
  for (const fs::path& path : files) {
    const std::string name = path.filename();
    if (name == "manifest" || name == "state" || name == "working-set" || name == "touched-set") {
      bytes += fs::file_size(path);
    } else if (name.ends_with("-set")) {
      static constexpr std::streamoff kLengthOfFrame = 16;
      std::ifstream file(path, std::ios::binary);
      file.seekg(kLengthOfFrame);
      std::array<unsigned char, 8> length{};
      file.read(reinterpret_cast<char*>(length.data()), length.size());
      std::uint64_t frame = 0;
      for (std::size_t i = length.size(); i-- > 0;) {
        frame = frame << 8 | length[i];
      }
      bytes += (frame + kPageSize - 1) / kPageSize * kPageSize;
    }
  }
  return bytes;
}

double milliseconds_of(const std::function<void()>& action) {
  const auto begin = std::chrono::steady_clock::now();
  action();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin)
      .count();
}

struct Samples {
  std::vector<double> without_key;
  std::vector<double> with_key;
  std::vector<double> ratios;
};

void take_turns(const fs::path& directory, const TrustedKeys& keys,
                const std::function<void()>& before, bool key_first, Samples& samples) {
  const auto time_one = [&](bool with_key) {
    before();
    return milliseconds_of(
        [&] { with_key ? open_signed(directory, keys) : Snapshot::open(directory); });
  };
  double with_key = key_first ? time_one(true) : 0;
  const double without = time_one(false);
  if (!key_first) {
    with_key = time_one(true);
  }
  samples.without_key.push_back(without);
  samples.with_key.push_back(with_key);
  samples.ratios.push_back(with_key / without);
}

void print_row(const std::string& what, std::uint64_t hashed, const Samples& samples) {
  const auto cell = [](const std::vector<double>& values) {
    return fmt::format("{:.3f} ({:.3f} to {:.3f})", median(values), quantile(values, 0.1),
                       quantile(values, 0.9));
  };
  fmt::print("{:28} {:>8.1f} {:>24} {:>24} {:>24}\n", what, static_cast<double>(hashed) / 1024,
             cell(samples.without_key), cell(samples.with_key), cell(samples.ratios));
}

void measure(const std::string& name, const ReplayImage& image, const TrustedKeys& keys,
             const SigningKey& key, std::uint64_t rounds) {
  const Snapshot& snapshot = image.snapshot();
  for (const SnapshotLayer& layer : snapshot.layers()) {
    sign_snapshot(layer.directory, key);
  }
  const std::vector<fs::path> files = files_of(snapshot);
  const std::uint64_t hashed = hashed_bytes(files);
  Samples cold;
  Samples warm;
  for (std::uint64_t round = 0; round < rounds; ++round) {
    show_progress(fmt::format("{}: round {} of {}", name, round + 1, rounds));
    const bool key_first = round % 2 == 1;
    take_turns(
        snapshot.directory(), keys, [&] { make_cold(files); }, key_first, cold);
    Snapshot::open(snapshot.directory());
    take_turns(
        snapshot.directory(), keys, [] {}, key_first, warm);
  }
  show_progress("");
  print_row(name + ", cold", hashed, cold);
  print_row(name + ", page cache", hashed, warm);
}

int run(const CommandLine& line) {
  const Options options = options_of(line);
  std::cout << describe(conditions(options.data)) << std::endl;
  const Trace trace = trace_of(options);
  const Recording recording = perfect_recording(trace);
  const fs::path place = options.data / kProgram;
  fs::create_directories(place);
  const SigningKey key(write_key(place / "private.pem", kPrivateKey));
  const std::array<fs::path, 1> trusted{write_key(place / "public.pem", kPublicKey)};
  const TrustedKeys keys(trusted);
  fmt::print("{:28} {:>8} {:>24} {:>24} {:>24}\n",
             fmt::format("{} MiB, {} rounds", options.memory_mib, options.rounds), "KiB",
             "without key, ms", "with key, ms", "ratio");
  measure("whole", ReplayImage(place / "whole", trace, recording), keys, key, options.rounds);
  measure("layer and base",
          ReplayImage(place / "layer", trace, recording, {}, {.percent = options.base_percent}),
          keys, key, options.rounds);
  fs::remove_all(place);
  return tools::kSuccess;
}

}  // namespace
}  // namespace faasnap::bench

int main(int argc, char** argv) {
  return faasnap::bench::run_program(argc, argv, faasnap::bench::command_line, faasnap::bench::run);
}
