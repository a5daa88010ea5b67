// SPDX-License-Identifier: Apache-2.0

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <fstream>
#include <stdexcept>
#include <system_error>

#include "replay/trace/trace_file.h"

namespace faasnap::bench {
namespace {

constexpr std::uint64_t kMaximumFile = 16 << 20;
constexpr std::uint64_t kMaximumTick = 1'000'000;  // ns
constexpr std::uint64_t kMaximumPages = kMaximumTraceMemory.value / kPageSize;

// Parses one text, line by line and word by word.
class Parser {
 public:
  Parser(std::string_view text, const std::string& name) : rest_(text), name_(name) {}

  Trace parse() {
    if (next_line() != "faasnap-trace 1") {
      fail("not a trace of version 1");
    }
    trace_.name = name_;
    trace_.function = field("function");
    trace_.input = field("input");
    trace_.memory = PageIndex{number(field("pages"), kMaximumPages)}.offset();
    trace_.dilation = real(field("dilation"));
    trace_.overhead =
        Nanoseconds(number(field("overhead-ns"), static_cast<std::uint64_t>(kMaximumGap.count())));
    tick_ = number(field("tick-ns"), kMaximumTick);
    if (tick_ == 0) {
      fail("tick-ns is 0, expected at least 1");
    }
    parse_map(number(field("nonzero"), kMaximumPages));
    nonzero_ = page_map(trace_.memory, trace_.nonzero);
    parse_accesses(number(field("accesses"), kMaximumPages));
    if (next_line() != "end" || !rest_.empty()) {
      fail("expected 'end', and nothing after it");
    }
    if (const auto defect = defect_of(trace_)) {
      fail(*defect);
    }
    return std::move(trace_);
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw std::runtime_error(fmt::format("{}, line {}: {}", name_, line_, what));
  }

  std::string_view next_line() {
    ++line_;
    const std::size_t end = rest_.find('\n');
    if (end == std::string_view::npos) {
      fail("the trace ends too early");
    }
    const std::string_view line = rest_.substr(0, end);
    rest_.remove_prefix(end + 1);
    return line;
  }

  // Returns the value of the next line, which must consist of `key` and a value.
  std::string field(std::string_view key) {
    const std::string_view line = next_line();
    if (!line.starts_with(key) || line.size() <= key.size() || line[key.size()] != ' ') {
      fail(fmt::format("expected '{}' and a value", key));
    }
    return std::string(line.substr(key.size() + 1));
  }

  std::uint64_t number(std::string_view word, std::uint64_t maximum) const {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
    if (error != std::errc() || end != word.data() + word.size() || value > maximum) {
      fail(fmt::format("\"{}\" is not a number up to {}", word, maximum));
    }
    return value;
  }

  double real(std::string_view word) const {
    double value = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
    if (error != std::errc() || end != word.data() + word.size()) {
      fail(fmt::format("\"{}\" is not a number", word));
    }
    return value;
  }

  // Removes the next word from `line` and returns it; words are separated by one space.
  static std::string_view next_word(std::string_view& line) {
    const std::string_view word = line.substr(0, line.find(' '));
    line.remove_prefix(std::min(line.size(), word.size() + 1));
    return word;
  }

  void parse_map(std::uint64_t runs) {
    const std::uint64_t pages = trace_.memory.pages();
    std::uint64_t end = 0;
    while (trace_.nonzero.size() < runs) {
      for (std::string_view line = next_line(); !line.empty();) {
        const std::string_view word = next_word(line);
        const std::size_t plus = word.find('+');
        if (plus == std::string_view::npos || trace_.nonzero.size() == runs) {
          fail(fmt::format("\"{}\" is not a run of pages, or more runs than declared", word));
        }
        const std::uint64_t first = end + number(word.substr(0, plus), pages - end);
        const std::uint64_t count = number(word.substr(plus + 1), pages - first);
        trace_.nonzero.push_back({{first}, count});
        end = first + count;
      }
    }
  }

  void parse_accesses(std::uint64_t accesses) {
    std::int64_t expected = 0;
    while (trace_.accesses.size() < accesses) {
      std::string_view line = next_line();
      const std::int64_t first = expected + jump(next_word(line));
      const std::string_view kind = next_word(line);
      if ((kind != "r" && kind != "w") || line.empty() || first < 0) {
        fail("expected a jump to a page of memory, r or w, and gaps");
      }
      expected = first;
      while (!line.empty()) {
        const std::string_view word = next_word(line);
        const std::size_t star = word.find('*');
        const auto gap =
            number(word.substr(0, star), static_cast<std::uint64_t>(kMaximumGap.count()) / tick_);
        const std::uint64_t left = accesses - trace_.accesses.size();
        const std::uint64_t count =
            star == std::string_view::npos ? 1 : number(word.substr(star + 1), left);
        if (left == 0 || count == 0) {
          fail("more accesses than declared, or a repetition of 0");
        }
        for (std::uint64_t i = 0; i < count; ++i) {
          add_access(static_cast<std::uint64_t>(expected++), gap, kind == "w");
        }
      }
    }
  }

  std::int64_t jump(std::string_view word) const {
    const bool signed_number = word.starts_with('+') || word.starts_with('-');
    if (!signed_number) {
      fail(fmt::format("\"{}\" is not a signed number", word));
    }
    const auto distance = static_cast<std::int64_t>(number(word.substr(1), kMaximumPages));
    return word[0] == '-' ? -distance : distance;
  }

  void add_access(std::uint64_t page, std::uint64_t gap, bool write) {
    if (page >= nonzero_.size()) {
      fail(fmt::format("page {} lies beyond memory", page));
    }
    time_ += Nanoseconds(gap * tick_);
    trace_.accesses.push_back({{page}, time_, write, !nonzero_[page]});
  }

  std::string_view rest_;
  const std::string& name_;
  std::uint64_t line_ = 0;
  std::uint64_t tick_ = 0;
  Nanoseconds time_{0};
  std::vector<bool> nonzero_;
  Trace trace_;
};

}  // namespace

Trace parse_trace(std::string_view text, const std::string& name) {
  return Parser(text, name).parse();
}

Trace load_trace(const std::filesystem::path& file) {
  if (std::filesystem::file_size(file) > kMaximumFile) {
    throw std::system_error(EFBIG, std::generic_category(), "read " + file.string());
  }
  std::ifstream stream(file, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(stream), {}};
  if (!stream) {
    throw std::system_error(EIO, std::generic_category(), "read " + file.string());
  }
  Trace trace = parse_trace(text, file.string());
  trace.name = file.stem().string();
  return trace;
}

}  // namespace faasnap::bench
