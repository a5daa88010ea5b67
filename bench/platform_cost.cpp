// SPDX-License-Identifier: Apache-2.0

// What the example platform adds to an invocation over the bare library: one warm VM is invoked by
// the library's GuestChannel, and through the platform's HTTP interface, in turns. The guest is
// neighbour/guest.cpp as an agent whose function does nothing, so that it runs wherever /dev/kvm
// is, also where it only emulates. The platform's parts are those of faasnap-platform, in this
// process; so is the client.

#include <faasnap/guest_channel.h>
#include <faasnap/vm.h>
#include <fmt/format.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

// The platform's parts, a library of the example.
#include <auth/gate.h>
#include <functions/events.h>
#include <functions/fleet.h>
#include <functions/images.h>
#include <functions/invoker.h>
#include <functions/machine.h>
#include <functions/registry.h>
#include <functions/snapshots.h>
#include <http/server.h>
#include <lambda/api.h>
#include <metrics/metrics.h>

#include "harness/conditions.h"
#include "harness/json_lines.h"
#include "harness/program.h"
#include "harness/statistics.h"
#include "neighbour/ways.h"

namespace faasnap::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr const char* kFunction = "nothing";
constexpr const char* kFunctions = "/2015-03-31/functions";
constexpr std::chrono::seconds kPatience(60);
constexpr unsigned kWarmUp = 100;
constexpr std::uint64_t kMemoryMiB = 128;

double microseconds(std::chrono::nanoseconds time) {
  return std::chrono::duration<double, std::micro>(time).count();
}

// A new directory that is removed with the object.
class Scratch {
 public:
  explicit Scratch(const std::filesystem::path& parent) {
    std::filesystem::create_directories(parent);
    std::string name = parent / "platform-cost-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) {
      throw std::runtime_error(parent.string() + ": no directory can be made there");
    }
    path_ = name;
  }
  ~Scratch() { std::filesystem::remove_all(path_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

platform::Config settings(const std::filesystem::path& directory) {
  platform::Config config;
  config.state = directory / "state";
  config.images = directory / "images";
  config.recording.recordings = 0;
  config.vm.prepared = 0;
  config.vm.workers = 0;
  return config;
}

// The parts of the platform that an invocation passes, served on a free port.
class Served {
 public:
  explicit Served(const std::filesystem::path& directory)
      : config_(settings(directory)),
        images_(config_),
        registry_(config_, images_, nullptr,
                  {.retired = [](const std::string&) {}, .make = [](const platform::Function&) {}}),
        maker_(config_, true),
        snapshots_(config_, maker_, metrics_, nullptr, {}),
        fleet_(config_, images_, maker_, snapshots_, metrics_),
        invoker_(config_, fleet_, snapshots_, metrics_, ""),
        events_(config_, metrics_, [](const platform::Event&) { return platform::Attempt::done; }),
        gate_({}, {}),
        api_(config_, gate_, registry_, invoker_, events_) {
    api_.serve(server_);
    port_ = server_.bind("127.0.0.1", 0);
    serving_ = server_.start();
  }
  ~Served() {
    server_.end();
    serving_.join();
  }
  Served(const Served&) = delete;
  Served& operator=(const Served&) = delete;

  int port() const { return port_; }
  platform::Registry& registry() { return registry_; }
  platform::Fleet& fleet() { return fleet_; }
  // How long the platform waited for the guest in the latest invocation.
  std::chrono::nanoseconds in_guest() const { return invoker_.past().front().invoked; }

 private:
  const platform::Config config_;
  platform::Metrics metrics_;
  platform::Images images_;
  platform::Registry registry_;
  platform::MachineMaker maker_;
  platform::Snapshots snapshots_;
  platform::Fleet fleet_;
  platform::Invoker invoker_;
  platform::Events events_;
  const platform::auth::Gate gate_;
  platform::lambda::Api api_;
  platform::http::Server server_;
  int port_ = 0;
  std::thread serving_;
};

// An image as the platform's registry looks into it; nothing boots from it.
void make_image(const std::filesystem::path& directory) {
  std::filesystem::create_directories(directory);
  for (const char* file : {"vmlinux", "initramfs", "rootfs.img"}) {
    std::ofstream(directory / file) << file;
  }
  std::ofstream(directory / "image.json")
      << R"({"config": {"Faasnap": {"Name": "nothing", "Handler": "app.handler"}},)"
      << R"( "files": {"rootfs.img": {"sha256": "00"}}})";
}

std::unique_ptr<platform::Machine> warm_machine(const platform::Function& function) {
  VmOptions options;
  options.kernel = FAASNAP_NEIGHBOUR_GUEST;
  options.command_line = kAgent;
  options.vcpus = 1;
  options.memory = {kMemoryMiB << 20};
  options.worker = WorkerOptions{};
  auto machine =
      std::make_unique<platform::Machine>(platform::Machine{.vm = VM::boot(options),
                                                            .function = function.name,
                                                            .revision = function.revision,
                                                            .memory_mib = function.memory_mib});
  GuestChannel(machine->vm).wait_ready(kPatience);
  return machine;
}

// The route of an invocation, and what its invocations took in microseconds.
struct Route {
  const char* name;
  std::function<void()> invoke;
  // True if the platform knows what of it was the guest's.
  bool by_platform = true;
  std::vector<double> times{};
  // Without the platform's wait for the guest.
  std::vector<double> added{};
};

class Experiment {
 public:
  explicit Experiment(const std::filesystem::path& directory)
      : scratch_(directory), served_(made(scratch_.path())), kept_("127.0.0.1", served_.port()) {
    kept_.set_keep_alive(true);
    kept_.set_tcp_nodelay(true);
    check(kept_.Post(kFunctions,
                     fmt::format(R"({{"FunctionName": "{}", "Code": {{"ImageUri": "nothing"}},)"
                                 R"( "MemorySize": {}, "Timeout": 60}})",
                                 kFunction, kMemoryMiB),
                     "application/json"),
          201);
    function_ = served_.registry().find(kFunction, platform::kLatest);
    served_.fleet().give_back(warm_machine(function_));
  }

  // Invokes by each route in turns.
  std::vector<Route> run(unsigned repeat) {
    std::vector<Route> routes;
    routes.push_back({.name = "library", .invoke = [this] { by_library(); }, .by_platform = false});
    routes.push_back(
        {.name = "platform, connection kept", .invoke = [this] { by_platform(kept_); }});
    routes.push_back({.name = "platform, new connection", .invoke = [this] {
                        httplib::Client client("127.0.0.1", served_.port());
                        by_platform(client);
                      }});
    for (unsigned i = 0; i < repeat + kWarmUp; ++i) {
      for (Route& route : routes) {
        const auto begun = Clock::now();
        route.invoke();
        const auto time = Clock::now() - begun;
        if (i < kWarmUp) {
          continue;
        }
        route.times.push_back(microseconds(time));
        if (route.by_platform) {
          route.added.push_back(microseconds(time - served_.in_guest()));
        }
      }
    }
    return routes;
  }

 private:
  static const std::filesystem::path& made(const std::filesystem::path& directory) {
    make_image(directory / "images" / "nothing");
    return directory;
  }

  static void check(const httplib::Result& result, int status) {
    if (!result || result->status != status) {
      throw std::runtime_error(
          result ? fmt::format("the platform answers {}: {}", result->status, result->body)
                 : httplib::to_string(result.error()));
    }
  }

  // The VM is the one that the platform keeps, and is given back to it.
  void by_library() {
    auto machine = served_.fleet().take(function_);
    const auto reply =
        GuestChannel(machine->vm)
            .request("POST", "/2015-03-31/functions/nothing/invocations", "{}", kPatience,
                     {{"X-Amzn-RequestId", "0"}, {"Faasnap-Timeout-Ms", "60000"}});
    if (reply.status != 200 || reply.body != "{}") {
      throw std::runtime_error(fmt::format("the guest answers {}: {}", reply.status, reply.body));
    }
    served_.fleet().give_back(std::move(machine));
  }

  void by_platform(httplib::Client& client) {
    check(client.Post("/2015-03-31/functions/nothing/invocations", "{}", "application/json"), 200);
  }

  Scratch scratch_;
  Served served_;
  httplib::Client kept_;
  platform::Function function_;
};

int run(const CommandLine& line) {
  const std::filesystem::path data = line.text("data");
  const auto repeat = static_cast<unsigned>(line.number("repeat", 1, 1'000'000));
  const std::vector<Route> routes = Experiment(data).run(repeat);
  const nlohmann::json conditions_of_run = conditions(data);
  JsonLines records(line.optional_text("output").value_or(""));
  records.add(conditions_of_run);
  fmt::print(
      "{}\n{} invocations each, in turns, microseconds\n\n{:26} {:>8} {:>8}   {:>11} {:>8}\n",
      describe(conditions_of_run), repeat, "", "p50", "p99", "added p50", "p99");
  for (const Route& route : routes) {
    nlohmann::json record = {{"experiment", "platform_cost"},
                             {"route", route.name},
                             {"repeat", repeat},
                             {"p50_us", quantile(route.times, 0.5)},
                             {"p99_us", quantile(route.times, 0.99)}};
    fmt::print("{:26} {:8.0f} {:8.0f}", route.name, quantile(route.times, 0.5),
               quantile(route.times, 0.99));
    if (route.by_platform) {
      record["added_p50_us"] = quantile(route.added, 0.5);
      record["added_p99_us"] = quantile(route.added, 0.99);
      fmt::print("   {:11.0f} {:8.0f}", quantile(route.added, 0.5), quantile(route.added, 0.99));
    }
    fmt::print("\n");
    records.add(record);
  }
  return 0;
}

CommandLine declare() {
  CommandLine line({.name = "bench_platform_cost",
                    .text = "Measures what the example platform adds to an invocation of a warm VM "
                            "over the library's GuestChannel: one VM, both routes in turns.",
                    .example = "bench_platform_cost --repeat 5000"});
  line.option("repeat", "N", "invocations by each route", "2000");
  line.option("data", "DIR", "directory for the platform's state", data_directory().string());
  line.option("output", "FILE", "results file, a JSON object per route (default: none)");
  return line;
}

}  // namespace
}  // namespace faasnap::bench

int main(int argc, char** argv) {
  return faasnap::bench::run_program(argc, argv, faasnap::bench::declare, faasnap::bench::run);
}
