// SPDX-License-Identifier: Apache-2.0

#include <fmt/format.h>

#include <iostream>

#include <faasnap/host.h>

#include "commands/commands.h"
#include "settings/config.h"
#include "settings/options.h"
#include "settings/store_settings.h"
#include "settings/vm_settings.h"
#include "tools/failure.h"
#include "tools/json.h"

namespace faasnap::cli {
namespace {

CommandLine doctor_command_line() {
  CommandLine line(
      {.name = "faasnap doctor",
       .text = "Checks what this host offers to microVMs: each line is good or bad, with the "
               "remedy.\n"
               "Exit status: 0 if VMs run here at speed, 1 if they need the lab (`faasnap lab`).",
       .example = "faasnap doctor --directory /var/lib/faasnap"});
  line.option("directory", "DIR", "directory for snapshots (default: .)");
  line.option("redis", "ADDRESS",
              "also check the Redis server at HOST:PORT or a Unix socket (default: the settings "
              "file's [store] redis); its password is in the settings file");
  line.flag("json", "print a JSON object");
  line.flag("quiet", "check only KVM and print nothing: the exit status tells");
  add_config_option(line);
  return line;
}

void print_text(const HostReport& report) {
  for (const HostCheck& check : report.checks) {
    fmt::print("{:<4}  {:<20}  {}\n", check.ok ? "good" : "bad", check.name, check.detail);
    if (!check.remedy.empty()) {
      fmt::print("{:<4}  {:<20}  remedy: {}\n", "", "", check.remedy);
    }
  }
  fmt::print("\n{}\n", report.runs_vms_at_speed
                           ? "Virtual machines run here at speed."
                           : "Virtual machines do not run here at speed; use the lab.");
}

void print_json(const HostReport& report) {
  tools::Json checks = tools::Json::array();
  for (const HostCheck& check : report.checks) {
    tools::Json entry;
    entry["name"] = check.name;
    entry["ok"] = check.ok;
    entry["detail"] = check.detail;
    entry["remedy"] = check.remedy;
    checks.push_back(entry);
  }
  tools::Json json;
  json["runs_vms_at_speed"] = report.runs_vms_at_speed;
  json["checks"] = checks;
  std::cout << tools::to_text(json) << "\n";
}

}  // namespace

int run_doctor(const Arguments& arguments) {
  CommandLine line = doctor_command_line();
  if (!line.parse(arguments)) {
    return tools::kSuccess;
  }
  if (line.has("quiet")) {
    return inspect_kvm().runs_vms_at_speed ? tools::kSuccess : tools::kFailure;
  }
  HostQuery query;
  query.directory = line.optional_text("directory").value_or(".");
  RedisConfig redis = load_config(line.optional_text("config")).store.redis;
  if (const auto address = line.optional_text("redis")) {
    redis.address = address;
  }
  if (redis.address) {
    query.redis = redis_options(redis);
  }
  const HostReport report = inspect_host(query);
  line.has("json") ? print_json(report) : print_text(report);
  return report.runs_vms_at_speed ? tools::kSuccess : tools::kFailure;
}

}  // namespace faasnap::cli
