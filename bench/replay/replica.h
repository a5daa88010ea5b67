// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <faasnap/compression.h>
#include <faasnap/restored_memory.h>

#include <chrono>
#include <exception>
#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <string>

#include "replay/content.h"
#include "replay/player.h"
#include "replay/replay_image.h"
#include "replay/scratch_memory.h"
#include "tools/origin.h"

namespace faasnap::bench {

// One way to restore. A warm one stands for a guest that stays: all pages that it touches are
// present, and nothing is loaded. There is nothing to boot.
struct ReplayWay {
  tools::Origin origin = Setting::lazy;
  // True if mappings, registration and threads are made before the request, untimed.
  bool prepared = false;
  // How the snapshot's stream set is stored.
  Compression compression = Compression::none;

  std::string name() const;
  auto operator<=>(const ReplayWay&) const = default;
};

// The measurements of one replay. Times are in ms; sums over all memories if several are replayed
// at once.
struct Sample {
  double prepare = 0;
  double start = 0;
  // Time from the request to the last touch. The request begins with the start if prepared,
  // otherwise with the making of the memory.
  double total = 0;
  std::uint64_t minor_faults = 0;  // of the playing threads
  std::uint64_t major_faults = 0;
  std::uint64_t uffd_faults = 0;
  std::uint64_t mappings = 0;
  std::uint64_t prefetched_pages = 0;
  std::uint64_t zero_pages = 0;
  // Bytes that the process had read from its disks when all that the plan lists was loaded.
  Bytes read{};
  // Guest memory at that time.
  Bytes resident{};
  Bytes proportional{};

  // Adds every field.
  Sample& operator+=(const Sample& other);
};

nlohmann::json to_json(const Sample& sample);

// How much of guest memory is checked, after the time is taken.
enum class Check { touched_pages, all_pages };

// One restored memory, and the times of the thread that plays in it. The image must outlive it.
class Replica {
 public:
  using Clock = std::chrono::steady_clock;

  // Prepares the memory if `way` says so.
  Replica(const ReplayImage& image, const ReplayWay& way);

  // Serves the request, on the playing thread.
  void serve(std::span<const Step> steps) noexcept;
  // Waits until all is loaded, after the playing thread has ended. Throws its error, or an error
  // for a touch that found other data than the image's.
  void finish();
  // Throws std::runtime_error for a page with wrong content.
  void check(const ExpectedMemory& expected, Check check) const;
  // Adds all fields but `total` and `read`.
  void add_to(Sample& sample) const;

  Clock::time_point requested() const noexcept { return requested_; }
  Clock::time_point ended() const noexcept { return ended_; }

 private:
  void prepare();
  std::span<std::byte> bytes() const;

  const ReplayImage& image_;
  ReplayWay way_;
  std::unique_ptr<RestoredMemory> memory_;
  // Replaces `memory_` for a warm one.
  std::unique_ptr<ScratchMemory> warm_;
  Clock::duration prepare_{0};
  Clock::duration start_{0};
  Clock::time_point requested_;
  Clock::time_point ended_;
  Played played_;
  std::exception_ptr failure_;
};

}  // namespace faasnap::bench
