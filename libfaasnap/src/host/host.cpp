// SPDX-License-Identifier: Apache-2.0

#include <faasnap/host.h>

#include <fmt/format.h>

#include <optional>

#include <faasnap/error.h>

#include "base/error.h"
#include "host/checks.h"
#include "kvm/abi.h"
#include "kvm/speed_probe.h"
#include "kvm/system.h"

namespace faasnap {
namespace {

constexpr const char* kLabRemedy =
    "run commands that need a virtual machine in the lab: faasnap lab -- COMMAND";

std::optional<kvm::System> check_kvm(HostReport& report) {
  HostCheck check{"kvm", false, "", ""};
  std::optional<kvm::System> system;
  try {
    system = kvm::System::open();
    check.ok = true;
    check.detail = "/dev/kvm opens and has all that is required";
  } catch (const Error& error) {
    check.detail = error.what();
    check.remedy =
        error.kind() == ErrorKind::permission
            ? "allow this user to open /dev/kvm, for example by adding it to the group kvm"
            : kLabRemedy;
  }
  report.checks.push_back(check);
  return system;
}

bool check_speed(HostReport& report, const kvm::System& system) {
  HostCheck check{"kvm_speed", false, "", ""};
  try {
    const kvm::SpeedProbe probe = kvm::probe_speed(system);
    check.ok = probe.usable;
    check.detail = fmt::format("a guest runs {:.0f} million instructions a second",
                               probe.instructions_per_second / 1e6);
  } catch (const Error& error) {
    check.detail = error.what();
  }
  if (!check.ok) {
    check.remedy = kLabRemedy;
  }
  report.checks.push_back(check);
  return check.ok;
}

HostCheck check_pre_fault(const kvm::System& system) {
  const bool ok = system.extension(kvm::kCapPreFaultMemory) != 0;
  return {"kvm_pre_fault_memory", ok,
          ok ? "KVM can fill a guest's page tables ahead of its accesses"
             : "KVM fills a guest's page tables only on access",
          ok ? "" : host::pre_fault_remedy(host::running_kernel())};
}

std::optional<kvm::System> add_kvm_checks(HostReport& report) {
  auto system = check_kvm(report);
  report.runs_vms_at_speed = system && check_speed(report, *system);
  return system;
}

}  // namespace

HostReport inspect_kvm() {
  HostReport report;
  add_kvm_checks(report);
  return report;
}

HostReport inspect_host(const HostQuery& query) {
  if (std::error_code unknown; !std::filesystem::is_directory(query.directory, unknown)) {
    base::fail(ErrorKind::not_found, "inspect host", query.directory, "expected a directory");
  }
  HostReport report;
  if (const auto system = add_kvm_checks(report)) {
    report.checks.push_back(check_pre_fault(*system));
  }
  report.checks.push_back(host::check_io_uring());
  report.checks.push_back(host::check_userfaultfd());
  report.checks.push_back(host::check_descriptors());
  report.checks.push_back(host::check_locked_memory());
  report.checks.push_back(host::check_mappings());
  report.checks.push_back(host::check_file_system(query.directory));
  report.checks.push_back(host::check_free_space(query.directory));
  report.checks.push_back(host::check_leftovers(query.directory));
  report.checks.push_back(host::check_read_ahead(query.directory));
  if (!query.redis.address.empty()) {
    report.checks.push_back(host::check_redis(query.redis));
  }
  return report;
}

}  // namespace faasnap
