// SPDX-License-Identifier: Apache-2.0

#include "metrics/metrics.h"

#include <prometheus/text_serializer.h>

#include <chrono>

namespace platform {
namespace {

using prometheus::BuildCounter;
using prometheus::BuildGauge;
using prometheus::BuildHistogram;

std::string full_name(const char* name) { return std::string("faasnap_platform_") + name; }

auto& counters(prometheus::Registry& registry, const char* name, const char* help) {
  return BuildCounter().Name(full_name(name)).Help(help).Register(registry);
}

auto& gauges(prometheus::Registry& registry, const char* name, const char* help) {
  return BuildGauge().Name(full_name(name)).Help(help).Register(registry);
}

auto& histograms(prometheus::Registry& registry, const char* name, const char* help) {
  return BuildHistogram().Name(full_name(name)).Help(help).Register(registry);
}

// From half a millisecond to a minute.
const prometheus::Histogram::BucketBoundaries& buckets() {
  static const prometheus::Histogram::BucketBoundaries kBuckets = {
      0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60};
  return kBuckets;
}

double seconds_of(std::chrono::nanoseconds time) {
  return std::chrono::duration<double>(time).count();
}

constexpr double kMiB = 1 << 20;

}  // namespace

Metrics::Metrics()
    : invocations_(
          counters(registry_, "invocations_total",
                   "Invocations by function, by what its VM was, and by what became of it.")),
      phases_(histograms(registry_, "invocation_phase_seconds",
                         "Time of invocations by phase: queue, start of the VM, function.")),
      starts_(counters(registry_, "vm_starts_total", "VMs that have begun to serve, by start.")),
      faults_(counters(registry_, "first_invocation_faults_total",
                       "Page faults of VMs up to the end of their first invocation, by kind.")),
      loaded_(counters(registry_, "first_invocation_loaded_bytes_total",
                       "Bytes loaded ahead of VMs' use up to the end of their first invocation.")),
      throttled_(counters(registry_, "throttled_total", "Invocations turned away, by limit.")),
      evictions_(counters(registry_, "evictions_total", "Idle VMs that were ended, by reason.")),
      recordings_(counters(registry_, "recordings_total", "Recordings of snapshots, by result.")),
      refreshes_(counters(registry_, "refreshes_total",
                          "Recordings that misses were to be added to, by result.")),
      missed_pages_(
          counters(registry_, "first_invocation_missed_pages_total",
                   "Pages that VMs restored with stream waited for up to the end of their "
                   "first invocation, as loading did not bring them, or not in time.")
              .Add({})),
      snapshots_lost_(
          counters(registry_, "snapshots_lost_total", "Snapshots removed because of damage.")
              .Add({})),
      vms_lost_(counters(registry_, "vms_lost_total", "VMs that ended by themselves.").Add({})),
      retries_(
          counters(registry_, "event_retries_total", "Repetitions of asynchronous invocations.")
              .Add({})),
      dropped_(counters(registry_, "events_dropped_total",
                        "Asynchronous invocations given up after their last repetition.")
                   .Add({})),
      functions_(gauges(registry_, "functions", "Functions, without versions.").Add({})),
      snapshots_(gauges(registry_, "snapshots", "Snapshots to restore from.").Add({})),
      vms_(gauges(registry_, "vms", "VMs by state.")),
      waiting_(gauges(registry_, "queue_length", "Invocations that wait for room.").Add({})),
      events_(gauges(registry_, "events", "Asynchronous invocations that are not done.").Add({})),
      memory_(gauges(registry_, "guest_memory_bytes",
                     "Guest memory of VMs that run or idle, by their limits.")
                  .Add({})),
      memory_limit_(
          gauges(registry_, "guest_memory_limit_bytes", "Most guest memory of this host.").Add({})),
      store_lost_(gauges(registry_, "store_lost",
                         "1 while the server that several hosts share does not answer, else 0.")),
      store_losses_(counters(registry_, "store_losses_total",
                             "How often the server that several hosts share was lost.")) {}

void Metrics::invocation(const std::string& function, const Outcome& outcome) {
  invocations_
      .Add({{"function", function},
            {"start", to_string(outcome.start)},
            {"outcome", outcome.error.empty() ? "ok" : "function_error"}})
      .Increment();
  const auto observe = [&](const char* phase, std::chrono::nanoseconds time) {
    phases_.Add({{"phase", phase}, {"start", to_string(outcome.start)}}, buckets())
        .Observe(seconds_of(time));
  };
  observe("queue", outcome.queued);
  observe("start", outcome.started);
  observe("function", outcome.invoked);
}

void Metrics::first_use(Start start, const faasnap::VmStats& stats) {
  const std::string name = to_string(start);
  starts_.Add({{"start", name}}).Increment();
  const auto count = [&](const char* kind, std::uint64_t faults) {
    faults_.Add({{"start", name}, {"kind", kind}}).Increment(static_cast<double>(faults));
  };
  count("major", stats.faults.vcpu_major);
  count("minor", stats.faults.vcpu_minor);
  count("handled", stats.faults.handled);
  loaded_.Add({{"start", name}}).Increment(static_cast<double>(stats.prefetch.bytes.value));
}

void Metrics::refused(const std::string& function, const char* outcome) {
  invocations_.Add({{"function", function}, {"start", "none"}, {"outcome", outcome}}).Increment();
}

void Metrics::throttled(const std::string& limit) {
  throttled_.Add({{"limit", limit}}).Increment();
}

void Metrics::eviction(const char* reason) { evictions_.Add({{"reason", reason}}).Increment(); }

void Metrics::recording(bool succeeded) {
  recordings_.Add({{"result", succeeded ? "recorded" : "failed"}}).Increment();
}

void Metrics::refresh(const char* result) { refreshes_.Add({{"result", result}}).Increment(); }

void Metrics::missed_pages(std::uint64_t pages) {
  missed_pages_.Increment(static_cast<double>(pages));
}

void Metrics::snapshot_lost() { snapshots_lost_.Increment(); }
void Metrics::vm_lost() { vms_lost_.Increment(); }
void Metrics::event_retry() { retries_.Increment(); }
void Metrics::event_dropped() { dropped_.Increment(); }

std::string Metrics::text(const Gauges& now) {
  const auto count = [](std::size_t number) { return static_cast<double>(number); };
  functions_.Set(count(now.functions));
  snapshots_.Set(count(now.snapshots));
  vms_.Add({{"state", "running"}}).Set(count(now.running));
  vms_.Add({{"state", "idle"}}).Set(count(now.idle));
  vms_.Add({{"state", "prepared"}}).Set(count(now.prepared));
  waiting_.Set(count(now.waiting));
  events_.Set(count(now.events));
  memory_.Set(static_cast<double>(now.memory_mib) * kMiB);
  memory_limit_.Set(static_cast<double>(now.memory_limit_mib) * kMiB);
  if (now.store) {
    store_lost_.Add({}).Set(now.store->lost ? 1 : 0);
    auto& losses = store_losses_.Add({});
    losses.Increment(static_cast<double>(now.store->losses) - losses.Value());
  }
  return prometheus::TextSerializer().Serialize(registry_.Collect());
}

}  // namespace platform
