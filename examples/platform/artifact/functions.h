// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "artifact/body.h"
#include "functions/function.h"
#include "functions/images.h"

namespace platform::artifact {

// The kernel alias of a function whose freed memory is to be zero in snapshots: the artifact's
// kernel clears it, here the guest gives it up.
inline constexpr const char* kClearingKernel = "sanpage";

// A function as the artifact registers it. Plain data.
struct GuestFunction {
  // Name, image and memory are set.
  Function function{};
  std::string kernel{};
  unsigned vcpus = 2;
  // What the image's agent calls its one function; empty for an image of several.
  std::string agent_name{};

  bool gives_up_freed_memory() const { return kernel == kClearingKernel; }
};

// The functions that clients have registered since the start: they are not those of Lambda's
// interface, since the artifact's driver registers its own anew each time. Throws RequestError.
// Safe from any thread.
class Functions {
 public:
  static constexpr std::size_t kMost = 10'000;

  explicit Functions(const Images& images) : images_(images) {}

  void add(const Body& function);
  GuestFunction find(const std::string& name) const;
  std::vector<GuestFunction> list() const;

 private:
  const Images& images_;
  mutable std::mutex mutex_;
  std::map<std::string, GuestFunction> functions_;
};

Json to_json(const GuestFunction& function);

}  // namespace platform::artifact
