// SPDX-License-Identifier: Apache-2.0

#include "harness/conditions.h"

#include <sys/utsname.h>
#include <unistd.h>

#include <fstream>

#include "harness/lab_calibration.h"
#include "tools/accelerator.h"

namespace faasnap::bench {
namespace {

std::string cpu_model() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("model name")) {
      return line.substr(line.find(':') + 2);
    }
  }
  return "unknown";
}

struct Mount {
  std::string point;
  std::string type;
};

// Returns the mount that `path` lies on.
Mount mount_of(const std::filesystem::path& path) {
  const std::string absolute = std::filesystem::absolute(path).lexically_normal().string() + "/";
  std::ifstream mounts("/proc/self/mounts");
  Mount mount{.point = "", .type = "unknown"};
  std::size_t longest = 0;
  for (std::string device, point, kind, rest;
       mounts >> device >> point >> kind && std::getline(mounts, rest);) {
    const std::string prefix = point == "/" ? point : point + "/";
    if (absolute.starts_with(prefix) && prefix.size() >= longest) {
      longest = prefix.size();
      mount = {point, kind};
    }
  }
  return mount;
}

}  // namespace

nlohmann::json conditions(const std::filesystem::path& data) {
  utsname system{};
  ::uname(&system);
  const Mount mount = mount_of(data);
  nlohmann::json conditions{
      {"cpu", cpu_model()},
      {"cpus", ::sysconf(_SC_NPROCESSORS_ONLN)},
      {"kernel", system.release},
      {"file_system", mount.type},
      {"accelerator", tools::accelerator()},
      {"build", FAASNAP_BUILD_TYPE},
  };
  conditions.update(fields_of(lab_calibration(), mount.point));
  return conditions;
}

nlohmann::json carried(const nlohmann::json& conditions) {
  nlohmann::json fields = nlohmann::json::object();
  for (const char* name : {"dilation", "disk"}) {
    if (const auto found = conditions.find(name); found != conditions.end()) {
      fields[name] = *found;
    }
  }
  return fields;
}

std::string describe(const nlohmann::json& conditions) {
  std::string line;
  for (const auto& [key, value] : conditions.items()) {
    line += (line.empty() ? "" : ", ") + key + " " +
            (value.is_string() ? value.get<std::string>() : value.dump());
  }
  if (conditions.at("accelerator") == "kvm-in-lab") {
    line += "; times are those of an emulated processor, " +
            (conditions.contains("dilation") ? conditions.at("dilation").dump() : "about ten") +
            " times slower than a real one";
  } else if (conditions.at("accelerator") == "kvm-in-counted-lab") {
    line += "; times are counted: an instruction takes a cycle, and no cache misses";
  }
  return line;
}

}  // namespace faasnap::bench
