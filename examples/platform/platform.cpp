// SPDX-License-Identifier: Apache-2.0

#include "platform.h"

#include "base/error.h"
#include "base/log.h"
#include "base/pause.h"

namespace platform {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr std::chrono::seconds kFollow{1};

const fs::path& made(const fs::path& directory) {
  fs::create_directories(directory);
  fs::permissions(directory, fs::perms::owner_all);
  return directory;
}

double milliseconds_of(std::chrono::nanoseconds time) {
  return std::chrono::duration<double, std::milli>(time).count();
}

Json to_json(const Fleet::Description& vm, const char* state) {
  return {
      {"function", vm.function},  {"revision", vm.revision},     {"vm", vm.vm},
      {"state", state},           {"memory_mib", vm.memory_mib}, {"invocations", vm.invocations},
      {"idle_s", vm.idle.count()}};
}

Json to_json(const Invoker::Past& past) {
  return {{"time_ms", past.time.count()},
          {"function", past.function},
          {"version", past.version},
          {"request_id", past.request_id},
          {"vm", past.vm},
          {"result", past.result},
          {"reason", past.reason},
          {"start", to_string(past.start)},
          {"queued_ms", milliseconds_of(past.queued)},
          {"started_ms", milliseconds_of(past.started)},
          {"invoked_ms", milliseconds_of(past.invoked)}};
}

}  // namespace

Platform::Platform(const Config& config, const std::string& unusable)
    : config_(config),
      lock_(made(config.state)),
      store_(config.hosts.redis.empty() ? nullptr : std::make_unique<hosts::Store>(config.hosts)),
      images_(config),
      registry_(config, images_, store_.get(),
                {.retired = [this](const std::string& revision) { retire(revision); },
                 .make = [this](const Function& function) { image_queue_.add(function); }}),
      maker_(config, unusable.empty()),
      snapshots_(config, maker_, metrics_, store_.get(), registry_.revisions()),
      fleet_(config, images_, maker_, snapshots_, metrics_),
      invoker_(config, fleet_, snapshots_, metrics_, unusable),
      events_(config, metrics_, [this](const Event& event) { return run(event); }),
      image_queue_(images_, [this](const Function& function, const MadeImage& image) {
        registry_.made(function, image);
      }) {
  registry_.refresh();
  images_.keep_only(registry_.revisions());
  for (const Function& function : registry_.unmade()) {
    image_queue_.add(function);
  }
  if (store_ != nullptr) {
    following_ = std::jthread([this](const std::stop_token& stop) { follow_hosts(stop); });
  }
}

// What other hosts retire ends here although no request comes.
void Platform::follow_hosts(const std::stop_token& stop) {
  do {
    registry_.resume();
  } while (pause(stop, kFollow));
}

std::string Platform::metrics() {
  const Admission::Load load = invoker_.load();
  const auto idle = fleet_.idle();
  std::uint64_t memory = load.memory_mib;
  for (const auto& machine : idle) {
    memory += machine.memory_mib;
  }
  std::optional<Gauges::Store> store;
  if (store_ != nullptr) {
    const auto health = store_->health();
    store = {.lost = health.lost, .losses = health.losses};
  }
  return metrics_.text({.functions = registry_.list(false).size(),
                        .snapshots = snapshots_.list().size(),
                        .running = load.running,
                        .idle = idle.size(),
                        .prepared = fleet_.prepared().size(),
                        .waiting = load.waiting,
                        .events = events_.waiting(),
                        .memory_mib = memory,
                        .memory_limit_mib = config_.limits.memory_mib,
                        .store = store});
}

Json Platform::overview() const {
  const std::string recording = snapshots_.recording();
  Json functions = Json::array();
  for (const Function& function : registry_.list(true)) {
    functions.push_back({{"name", function.name},
                         {"version", function.version},
                         {"revision", function.revision},
                         {"memory_mib", function.memory_mib},
                         {"timeout_s", function.timeout.count()},
                         {"recording", function.revision == recording}});
  }
  Json snapshots = Json::array();
  for (const auto& each : snapshots_.list()) {
    snapshots.push_back({{"revision", each.revision},
                         {"memory_bytes", each.memory_bytes},
                         {"nonzero_bytes", each.nonzero_bytes},
                         {"loading_set_bytes", each.loading_set_bytes},
                         {"created_s", each.created.count()}});
  }
  Json vms = Json::array();
  for (const auto& vm : fleet_.idle()) {
    vms.push_back(to_json(vm, "idle"));
  }
  for (const auto& vm : fleet_.prepared()) {
    vms.push_back(to_json(vm, "prepared"));
  }
  Json invocations = Json::array();
  for (const auto& past : invoker_.past()) {
    invocations.push_back(to_json(past));
  }
  const Admission::Load load = invoker_.load();
  return {{"running", load.running},
          {"waiting", load.waiting},
          {"events", events_.waiting()},
          {"memory_mib", load.memory_mib},
          {"memory_limit_mib", config_.limits.memory_mib},
          {"functions", functions},
          {"snapshots", snapshots},
          {"vms", vms},
          {"invocations", invocations}};
}

void Platform::retire(const std::string& revision) {
  fleet_.remove(revision);
  snapshots_.remove(revision);
  images_.remove(revision);
  if (store_ != nullptr) {
    try {
      store_->forget_snapshot(revision);
    } catch (const std::exception& error) {
      log(LogLevel::warning,
          revision + ": its snapshot stays in the hosts' store: " + error.what());
    }
  }
}

Attempt Platform::run(const Event& event) {
  try {
    registry_.refresh();
    const Outcome outcome =
        invoker_.invoke({.function = registry_.find(event.function, event.version),
                         .payload = event.payload,
                         .client_context = event.client_context,
                         .request_id = event.id});
    return outcome.error.empty() ? Attempt::done : Attempt::failed;
  } catch (const RequestError& error) {
    switch (error.refusal()) {
      case Refusal::throttled:
        return Attempt::no_room;
      case Refusal::not_found:
        return Attempt::gone;
      default:
        return Attempt::failed;
    }
  } catch (const std::exception& error) {
    log(LogLevel::error, event.function + ": " + error.what());
    return Attempt::failed;
  }
}

}  // namespace platform
