// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <stop_token>
#include <string>
#include <thread>

#include "base/config.h"
#include "functions/events.h"
#include "functions/fleet.h"
#include "functions/image_queue.h"
#include "functions/images.h"
#include "functions/invoker.h"
#include "functions/machine.h"
#include "functions/registry.h"
#include "functions/snapshots.h"
#include "hosts/store.h"
#include "metrics/metrics.h"
#include "state/files.h"

namespace platform {

// The whole platform but for the interfaces by which it is reached. Its parts are destroyed in the
// reverse order: images and events end first, then VMs.
class Platform {
 public:
  // Makes the state directory or takes up what is in it. `unusable` says why no VM can run here;
  // empty if VMs can.
  Platform(const Config& config, const std::string& unusable);

  const Images& images() const noexcept { return images_; }
  MachineMaker& machines() noexcept { return maker_; }
  Registry& registry() noexcept { return registry_; }
  Invoker& invoker() noexcept { return invoker_; }
  Events& events() noexcept { return events_; }

  std::string metrics();
  // What the page shows.
  nlohmann::ordered_json overview() const;

 private:
  void retire(const std::string& revision);
  Attempt run(const Event& event);
  void follow_hosts(const std::stop_token& stop);

  const Config& config_;
  DirectoryLock lock_;
  // Null for a host on its own.
  std::unique_ptr<hosts::Store> store_;
  Metrics metrics_;
  Images images_;
  Registry registry_;
  MachineMaker maker_;
  Snapshots snapshots_;
  Fleet fleet_;
  Invoker invoker_;
  Events events_;
  ImageQueue image_queue_;
  std::jthread following_;
};

}  // namespace platform
