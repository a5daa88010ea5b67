#include "common/conditions.h"

#include <sys/utsname.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

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

// The type of the file system, from the mount that `path` lies on.
std::string file_system(const std::filesystem::path& path) {
  const std::string absolute = std::filesystem::absolute(path).lexically_normal().string() + "/";
  std::ifstream mounts("/proc/self/mounts");
  std::string type = "unknown";
  std::size_t longest = 0;
  for (std::string device, point, kind, rest;
       mounts >> device >> point >> kind && std::getline(mounts, rest);) {
    const std::string prefix = point == "/" ? point : point + "/";
    if (absolute.starts_with(prefix) && prefix.size() >= longest) {
      longest = prefix.size();
      type = kind;
    }
  }
  return type;
}

}  // namespace

nlohmann::json conditions(const std::filesystem::path& data) {
  utsname system{};
  ::uname(&system);
  const char* in_lab = std::getenv("FAASNAP_IN_LAB");
  return {
      {"cpu", cpu_model()},
      {"cpus", ::sysconf(_SC_NPROCESSORS_ONLN)},
      {"kernel", system.release},
      {"file_system", file_system(data)},
      {"accelerator", in_lab != nullptr ? "kvm-in-lab" : "kvm"},
      {"build", FAASNAP_BUILD_TYPE},
  };
}

std::string describe(const nlohmann::json& conditions) {
  std::string line;
  for (const auto& [key, value] : conditions.items()) {
    line += (line.empty() ? "" : ", ") + key + " " +
            (value.is_string() ? value.get<std::string>() : value.dump());
  }
  if (conditions.at("accelerator") == "kvm-in-lab") {
    line += "; times are those of an emulated processor, about ten times slower than a real one";
  }
  return line;
}

}  // namespace faasnap::bench
