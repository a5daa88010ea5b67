// SPDX-License-Identifier: Apache-2.0

#include "output/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

#include "run/interruption.h"

namespace faasnap::cli {

Steps::Steps() : visible_(::isatty(STDERR_FILENO) == 1) {}

Steps::~Steps() {
  if (!current_.empty() && visible_) {
    std::fputs("\n", stderr);
  }
}

void Steps::begin(const std::string& what) {
  done();
  Interruption::check();
  current_ = what;
  percent_ = -1;
  begun_ = std::chrono::steady_clock::now();
  show("...");
}

bool Steps::advance(Bytes done, Bytes total) {
  const int percent = total.value == 0 ? 100 : static_cast<int>(done.value * 100 / total.value);
  if (percent != percent_) {
    percent_ = percent;
    const int filled = percent / 5;
    show(fmt::format("[{:#<{}}{:.<{}}] {:3} %", "", filled, "", 20 - filled, percent));
  }
  return Interruption::received() == 0;
}

void Steps::done() {
  if (current_.empty()) {
    return;
  }
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begun_;
  show(fmt::format("{:.2f} s\n", taken.count()));
  current_.clear();
}

Progress Steps::progress() {
  return [this](Bytes done, Bytes total) { return advance(done, total); };
}

void Steps::show(const std::string& state) const {
  if (visible_) {
    fmt::print(stderr, "\r\033[K  {:<44} {}", current_, state);
    std::fflush(stderr);
  }
}

}  // namespace faasnap::cli
