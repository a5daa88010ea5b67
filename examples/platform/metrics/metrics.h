// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>

#include <faasnap/vm_stats.h>

#include "functions/invocation.h"

namespace platform {

// What the platform holds at the moment.
struct Gauges {
  std::size_t functions = 0;
  std::size_t snapshots = 0;
  std::size_t running = 0;
  std::size_t idle = 0;
  std::size_t prepared = 0;
  std::size_t waiting = 0;
  std::size_t events = 0;
  std::uint64_t memory_mib = 0;
  std::uint64_t memory_limit_mib = 0;
  // Of what several hosts share; nothing for a host on its own.
  struct Store {
    bool lost = false;
    std::uint64_t losses = 0;
  };
  std::optional<Store> store{};
};

// The counters of every policy, and what invocations took, as Prometheus reads them. Names begin
// with faasnap_platform_. Safe from any thread.
class Metrics {
 public:
  Metrics();

  // An invocation that has run, and what its VM had done since it was made if it was its first.
  void invocation(const std::string& function, const Outcome& outcome);
  void first_use(Start start, const faasnap::VmStats& stats);
  // One that has not: "failed" or "throttled".
  void refused(const std::string& function, const char* outcome);
  void throttled(const std::string& limit);
  void eviction(const char* reason);
  void recording(bool succeeded);
  // "refreshed", "fetched", "not_worth" or "failed".
  void refresh(const char* result);
  // Pages that a restored VM has waited for up to the end of its first invocation.
  void missed_pages(std::uint64_t pages);
  void snapshot_lost();
  void vm_lost();
  void event_retry();
  void event_dropped();

  // Returns the text of the exposition format, version 0.0.4.
  std::string text(const Gauges& now);

 private:
  prometheus::Registry registry_;
  prometheus::Family<prometheus::Counter>& invocations_;
  prometheus::Family<prometheus::Histogram>& phases_;
  prometheus::Family<prometheus::Counter>& starts_;
  prometheus::Family<prometheus::Counter>& faults_;
  prometheus::Family<prometheus::Counter>& loaded_;
  prometheus::Family<prometheus::Counter>& throttled_;
  prometheus::Family<prometheus::Counter>& evictions_;
  prometheus::Family<prometheus::Counter>& recordings_;
  prometheus::Family<prometheus::Counter>& refreshes_;
  prometheus::Counter& missed_pages_;
  prometheus::Counter& snapshots_lost_;
  prometheus::Counter& vms_lost_;
  prometheus::Counter& retries_;
  prometheus::Counter& dropped_;
  prometheus::Gauge& functions_;
  prometheus::Gauge& snapshots_;
  prometheus::Family<prometheus::Gauge>& vms_;
  prometheus::Gauge& waiting_;
  prometheus::Gauge& events_;
  prometheus::Gauge& memory_;
  prometheus::Gauge& memory_limit_;
  prometheus::Family<prometheus::Gauge>& store_lost_;
  prometheus::Family<prometheus::Counter>& store_losses_;
};

}  // namespace platform
