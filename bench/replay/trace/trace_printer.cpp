// SPDX-License-Identifier: Apache-2.0

#include <fmt/format.h>

#include <iterator>
#include <utility>

#include "replay/trace/trace_file.h"

namespace faasnap::bench {
namespace {

constexpr std::int64_t kTick = 1000;  // ns
constexpr std::size_t kRunsInLine = 12;
constexpr std::size_t kGapsInLine = 24;

std::int64_t two_digits(std::int64_t ticks) {
  std::int64_t unit = 1;
  while (ticks / unit >= 100) {
    unit *= 10;
  }
  return (ticks + unit / 2) / unit * unit;
}

// Rounds recorded times to the gaps of the file.
class GapRounder {
 public:
  std::int64_t next(Nanoseconds time) {
    const std::int64_t owed = (time.count() + kTick / 2) / kTick - written_;
    const std::int64_t gap = owed > 0 ? two_digits(owed) : 0;
    written_ += gap;
    return gap;
  }

 private:
  std::int64_t written_ = 0;  // ticks
};

void print_map(const Trace& trace, std::string& text) {
  const auto out = std::back_inserter(text);
  fmt::format_to(out, "nonzero {}\n", trace.nonzero.size());
  PageIndex end;
  for (std::size_t i = 0; i < trace.nonzero.size(); ++i) {
    const PageRange& run = trace.nonzero[i];
    const bool last = i + 1 == trace.nonzero.size() || (i + 1) % kRunsInLine == 0;
    fmt::format_to(out, "{}+{}{}", run.first - end, run.count, last ? '\n' : ' ');
    end = run.end();
  }
}

// The gaps of one line; equal neighbours are counted.
class GapList {
 public:
  void add(std::int64_t gap) {
    if (gap == gap_ && count_ > 0) {
      ++count_;
      return;
    }
    flush();
    gap_ = gap;
    count_ = 1;
  }
  bool full() const { return words_ >= kGapsInLine; }
  std::string take() {
    flush();
    words_ = 0;
    count_ = 0;
    return std::exchange(text_, {});
  }

 private:
  void flush() {
    if (count_ > 0) {
      text_ += count_ == 1 ? fmt::format(" {}", gap_) : fmt::format(" {}*{}", gap_, count_);
      ++words_;
    }
  }

  std::string text_;
  std::size_t words_ = 0;
  std::int64_t gap_ = 0;
  std::uint64_t count_ = 0;
};

void print_accesses(const Trace& trace, std::string& text) {
  const auto out = std::back_inserter(text);
  fmt::format_to(out, "accesses {}\n", trace.accesses.size());
  GapRounder rounder;
  GapList gaps;
  const PageAccess* last = nullptr;
  for (const PageAccess& access : trace.accesses) {
    const PageIndex expected = last == nullptr ? PageIndex{} : last->page + 1;
    if (last == nullptr || access.page != expected || access.write != last->write || gaps.full()) {
      if (last != nullptr) {
        fmt::format_to(out, "{}\n", gaps.take());
      }
      fmt::format_to(
          out, "{:+} {}",
          static_cast<std::int64_t>(access.page.value) - static_cast<std::int64_t>(expected.value),
          access.write ? 'w' : 'r');
    }
    gaps.add(rounder.next(access.time));
    last = &access;
  }
  if (last != nullptr) {
    fmt::format_to(out, "{}\n", gaps.take());
  }
}

}  // namespace

std::string print_trace(const Trace& trace) {
  std::string text = fmt::format(
      "faasnap-trace 1\nfunction {}\ninput {}\npages {}\ndilation {}\noverhead-ns {}\ntick-ns {}\n",
      trace.function, trace.input, trace.memory.pages(), trace.dilation, trace.overhead.count(),
      kTick);
  print_map(trace, text);
  print_accesses(trace, text);
  text += "end\n";
  return text;
}

}  // namespace faasnap::bench
