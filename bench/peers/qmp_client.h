#pragma once

#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tools/descriptor.h"

namespace faasnap::bench {

// The control connection of one QEMU: the QEMU Machine Protocol, with QEMU as the one that
// connects, so that its socket need not be polled for. Python's qemu.qmp does not replace it:
// Debian has no package of it, and times would have to cross a process. For one thread.
class QmpClient {
 public:
  // Listens on the Unix socket `path`, which must not exist; removed by the destructor.
  explicit QmpClient(const std::filesystem::path& path);
  ~QmpClient();
  QmpClient(const QmpClient&) = delete;
  QmpClient& operator=(const QmpClient&) = delete;

  // Waits for QEMU's connection and greeting. Throws std::runtime_error when there is none within
  // the time allowed, as does everything below.
  void accept();
  // Returns what QEMU answers; an error is thrown.
  nlohmann::json execute(const std::string& command, nlohmann::json arguments = {});
  // Waits for the event `name`, which may have come already, and returns when QEMU sent it, by the
  // host's wall clock.
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
