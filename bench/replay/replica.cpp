// SPDX-License-Identifier: Apache-2.0

#include "replay/replica.h"

#include <fmt/format.h>

#include <stdexcept>

namespace faasnap::bench {
namespace {

double ms(Replica::Clock::duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

std::unique_ptr<ScratchMemory> make_warm(const Trace& trace) {
  auto memory = std::make_unique<ScratchMemory>(trace.memory);
  fill_image(memory->bytes(), trace.nonzero);
  for (const PageAccess& access : trace.accesses) {
    if (access.zero) {
      memory->bytes()[access.page.offset().value] = std::byte{0};
    }
  }
  return memory;
}

}  // namespace

std::string ReplayWay::name() const {
  return std::string(to_string(origin)) +
         (compression == Compression::none ? "" : std::string("+") + to_string(compression)) +
         (prepared ? ", prepared" : "");
}

Sample& Sample::operator+=(const Sample& other) {
  prepare += other.prepare;
  start += other.start;
  total += other.total;
  minor_faults += other.minor_faults;
  major_faults += other.major_faults;
  uffd_faults += other.uffd_faults;
  mappings += other.mappings;
  prefetched_pages += other.prefetched_pages;
  zero_pages += other.zero_pages;
  read += other.read;
  resident += other.resident;
  proportional += other.proportional;
  return *this;
}

nlohmann::json to_json(const Sample& sample) {
  return {{"prepare_ms", sample.prepare},
          {"start_ms", sample.start},
          {"total_ms", sample.total},
          {"minor_faults", sample.minor_faults},
          {"major_faults", sample.major_faults},
          {"uffd_faults", sample.uffd_faults},
          {"mappings", sample.mappings},
          {"prefetched_pages", sample.prefetched_pages},
          {"zero_pages", sample.zero_pages},
          {"read_bytes", sample.read.value},
          {"resident_bytes", sample.resident.value},
          {"proportional_bytes", sample.proportional.value}};
}

Replica::Replica(const ReplayImage& image, const ReplayWay& way) : image_(image), way_(way) {
  if (tools::is_warm(way.origin)) {
    warm_ = make_warm(image.trace());
  } else if (way.prepared) {
    prepare();
  }
}

void Replica::prepare() {
  const auto begin = Clock::now();
  RestorePlan plan = image_.snapshot().plan(std::get<Setting>(way_.origin), way_.prepared);
  // The file that `cached` reads before it starts is cached already, and its reading must not be
  // timed.
  if (plan.load_if<PreloadFile>() != nullptr) {
    std::get<KernelFaults>(plan.faults).load = NoLoad{};
  }
  memory_ = std::make_unique<RestoredMemory>(image_.snapshot(), plan);
  prepare_ = Clock::now() - begin;
}

std::span<std::byte> Replica::bytes() const {
  return warm_ != nullptr ? warm_->bytes() : memory_->bytes();
}

void Replica::serve(std::span<const Step> steps) noexcept {
  try {
    requested_ = Clock::now();
    if (memory_ == nullptr && warm_ == nullptr) {
      prepare();
    }
    const auto starting = Clock::now();
    if (memory_ != nullptr) {
      memory_->start();
    }
    start_ = Clock::now() - starting;
    played_ = play(steps, bytes());
    ended_ = Clock::now();
  } catch (...) {
    failure_ = std::current_exception();
  }
}

void Replica::finish() {
  if (failure_ != nullptr) {
    std::rethrow_exception(failure_);
  }
  if (memory_ != nullptr) {
    memory_->wait_loaded();
  }
  if (played_.wrong != 0) {
    throw std::runtime_error(fmt::format("{}: {} touches found other data than the image has",
                                         way_.name(), played_.wrong));
  }
}

void Replica::check(const ExpectedMemory& expected, Check check) const {
  if (const auto page = expected.first_difference(bytes(), check == Check::touched_pages)) {
    throw std::runtime_error(
        fmt::format("{}: page {} of guest memory has wrong content", way_.name(), page->value));
  }
}

void Replica::add_to(Sample& sample) const {
  sample.prepare += ms(prepare_);
  sample.start += ms(start_);
  sample.minor_faults += played_.minor_faults;
  sample.major_faults += played_.major_faults;
  if (memory_ != nullptr) {
    const MemoryUsage usage = memory_->memory_usage();
    const RestoredMemoryStats stats = memory_->stats();
    sample.uffd_faults += stats.handled_faults;
    sample.mappings += stats.mappings;
    sample.prefetched_pages += stats.prefetch.pages;
    sample.zero_pages += stats.prefetch.zero_pages;
    sample.resident += usage.resident;
    sample.proportional += usage.proportional;
  }
}

}  // namespace faasnap::bench
