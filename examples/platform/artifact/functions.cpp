// SPDX-License-Identifier: Apache-2.0

#include "artifact/functions.h"

#include <fmt/format.h>

#include "base/error.h"

namespace platform::artifact {
namespace {

constexpr std::size_t kLongestName = 64;
// What the artifact takes for 0.
constexpr std::int64_t kUsualVcpus = 2;
constexpr std::int64_t kUsualMiB = 2048;

// Returns `given`, or `usual` for 0.
std::uint64_t in_range(const char* member, std::int64_t given, std::int64_t usual,
                       std::int64_t least, std::int64_t most) {
  const std::int64_t value = given == 0 ? usual : given;
  if (value < least || value > most) {
    throw RequestError(Refusal::invalid,
                       fmt::format("{} {}: expected {} to {}", member, value, least, most));
  }
  return static_cast<std::uint64_t>(value);
}

}  // namespace

void Functions::add(const Body& body) {
  GuestFunction added;
  Function& function = added.function;
  function.name = body.required_text("func_name");
  function.image_uri = body.text("image");
  added.kernel = body.text("kernel");
  const std::int64_t vcpus = body.number("vcpu");
  const std::int64_t memory_mib = body.number("mem_size");
  if (function.name.empty() || function.name.size() > kLongestName) {
    throw RequestError(Refusal::invalid,
                       fmt::format("func_name: expected 1 to {} bytes", kLongestName));
  }
  if (added.kernel.empty() || added.kernel.size() > kLongestName) {
    throw RequestError(Refusal::invalid,
                       fmt::format("kernel: expected 1 to {} bytes; '{}' gives up freed memory, "
                                   "any other name is that of the image's own kernel",
                                   kLongestName, kClearingKernel));
  }
  added.vcpus = static_cast<unsigned>(in_range("vcpu", vcpus, kUsualVcpus, 1, 8));
  function.memory_mib = in_range("mem_size", memory_mib, kUsualMiB, 128, 16'384);
  try {
    function.image = images_.find(function.image_uri);
  } catch (const RequestError& error) {
    throw RequestError(error.refusal(), fmt::format("image: {}", error.what()));
  }
  added.agent_name = Images::facts(function.image).name;
  const std::lock_guard lock(mutex_);
  if (functions_.contains(function.name)) {
    throw RequestError(Refusal::conflict,
                       fmt::format("func_name '{}': already exists", function.name));
  }
  if (functions_.size() >= kMost) {
    throw RequestError(Refusal::throttled, fmt::format("there are {} functions already", kMost));
  }
  const std::string name = function.name;
  functions_.emplace(name, std::move(added));
}

GuestFunction Functions::find(const std::string& name) const {
  const std::lock_guard lock(mutex_);
  const auto found = functions_.find(name);
  if (found == functions_.end()) {
    throw RequestError(Refusal::not_found,
                       fmt::format("func_name '{:.64}': no such function; POST /functions makes "
                                   "one",
                                   name));
  }
  return found->second;
}

std::vector<GuestFunction> Functions::list() const {
  const std::lock_guard lock(mutex_);
  std::vector<GuestFunction> list;
  for (const auto& [name, function] : functions_) {
    list.push_back(function);
  }
  return list;
}

Json to_json(const GuestFunction& function) {
  return {{"func_name", function.function.name},
          {"image", function.function.image_uri},
          {"kernel", function.kernel},
          {"vcpu", function.vcpus},
          {"mem_size", function.function.memory_mib}};
}

}  // namespace platform::artifact
