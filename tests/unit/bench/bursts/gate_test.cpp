// SPDX-License-Identifier: Apache-2.0

#include "bursts/gate.h"

#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <future>
#include <thread>

namespace faasnap::bench {
namespace {

// All that comes there.
std::string read_all(int descriptor) {
  std::string text;
  char byte = 0;
  while (::read(descriptor, &byte, 1) == 1) {
    text += byte;
  }
  return text;
}

TEST_CASE("a gate holds a reader until it is opened, and knows that it has come") {
  Gate gate;
  CHECK_FALSE(gate.reached());
  auto reader = std::async(std::launch::async, [&] { return read_all(gate.entrance()); });
  while (!gate.reached()) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  gate.open("{\"rows\": 3}");
  CHECK(reader.get() == " {\"rows\": 3}");
}

TEST_CASE("a gate is opened without harm when nobody reads") {
  Gate gate;
  CHECK_NOTHROW(gate.open("{}"));
}

}  // namespace
}  // namespace faasnap::bench
