// SPDX-License-Identifier: Apache-2.0

#include "function/console_tail.h"

#include <algorithm>
#include <mutex>
#include <utility>

namespace faasnap::function {
namespace {

constexpr std::size_t kKept = 64 << 10;

}  // namespace

struct ConsoleTail::State {
  ConsoleSink next;
  std::mutex mutex;
  std::string text;
};

ConsoleTail::ConsoleTail(ConsoleSink next) : state_(std::make_shared<State>()) {
  state_->next = std::move(next);
}

ConsoleSink ConsoleTail::sink() const {
  return [state = state_](std::string_view piece) {
    {
      const std::lock_guard lock(state->mutex);
      state->text += piece;
      if (state->text.size() > 2 * kKept) {
        state->text.erase(0, state->text.size() - kKept);
      }
    }
    if (state->next) {
      state->next(piece);
    }
  };
}

std::string ConsoleTail::last_line(const std::string& text) const {
  const std::lock_guard lock(state_->mutex);
  const std::string& kept = state_->text;
  std::size_t end = kept.size();
  while (end != 0) {
    const auto previous = kept.rfind('\n', end - 1);
    const std::size_t begin = previous == std::string::npos ? 0 : previous + 1;
    std::string line = kept.substr(begin, end - begin);
    std::erase_if(line, [](char c) { return c >= 0 && c < ' '; });
    if (!line.empty() && line.find(text) != std::string::npos) {
      return line;
    }
    end = previous == std::string::npos ? 0 : previous;
  }
  return {};
}

}  // namespace faasnap::function
