// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tools/descriptor.h"

namespace faasnap::bench {

// The control connection of one QEMU (QEMU Machine Protocol). QEMU connects to this side, so that
// its socket need not be polled for. Python's qemu.qmp cannot replace it: Debian has no package of
// it, and times would have to cross a process. For one thread.
class QmpClient {
 public:
  // Listens on the Unix socket `path`, which must not exist. The destructor removes it.
  explicit QmpClient(const std::filesystem::path& path);
  ~QmpClient();
  QmpClient(const QmpClient&) = delete;
  QmpClient& operator=(const QmpClient&) = delete;

  // Waits for QEMU's connection and greeting. Throws std::runtime_error after two minutes, as all
  // functions below do.
  void accept();
  // Returns QEMU's answer; throws if that is an error.
  nlohmann::json execute(const std::string& command, nlohmann::json arguments = {});
  // Waits for the event `name`, which may have arrived already. Returns the time at which QEMU sent
  // it, by the host's wall clock.
  std::chrono::microseconds wait_event(const std::string& name);

 private:
  nlohmann::json read_message();

  std::filesystem::path path_;
  tools::Descriptor listener_;
  tools::Descriptor connection_;
  std::string received_;
  std::vector<nlohmann::json> events_;
};

}  // namespace faasnap::bench
