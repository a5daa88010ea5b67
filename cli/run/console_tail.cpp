#include "run/console_tail.h"

#include <algorithm>
#include <mutex>

namespace faasnap::cli {
namespace {

constexpr std::size_t kKept = 64 << 10;

}  // namespace

struct ConsoleTail::State {
  std::mutex mutex;
  std::string text;
};

ConsoleTail::ConsoleTail() : state_(std::make_shared<State>()) {}

ConsoleSink ConsoleTail::sink() const {
  return [state = state_](std::string_view piece) {
    const std::lock_guard lock(state->mutex);
    state->text += piece;
    if (state->text.size() > 2 * kKept) {
      state->text.erase(0, state->text.size() - kKept);
    }
  };
}

std::string ConsoleTail::last_line(const std::string& containing) const {
  const std::lock_guard lock(state_->mutex);
  const std::string& text = state_->text;
  std::size_t end = text.size();
  while (end != 0) {
    const auto previous = text.rfind('\n', end - 1);
    const std::size_t begin = previous == std::string::npos ? 0 : previous + 1;
    std::string line = text.substr(begin, end - begin);
    std::erase_if(line, [](char c) { return c >= 0 && c < ' '; });
    if (!line.empty() && line.find(containing) != std::string::npos) {
      return line;
    }
    end = previous == std::string::npos ? 0 : previous;
  }
  return {};
}

}  // namespace faasnap::cli
