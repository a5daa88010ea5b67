// SPDX-License-Identifier: Apache-2.0

#include "image_config.h"

#include <cerrno>
#include <cstring>
#include <limits>

#include "rapidjson.h"
#include "text.h"

namespace faasnap::init {
namespace {

constexpr std::size_t kLargestConfig = 1 << 20;
constexpr std::uint64_t kMostInvocations = 64;

// Reads members of one object. The first member that is not what was expected is the error; absent
// ones and null leave the value as it is.
class Members {
 public:
  Members(const rapidjson::Value& object, const char* prefix, std::string& error)
      : object_(object), prefix_(prefix), error_(error) {}

  void text(const char* name, std::string& value) {
    if (const auto* member = find(name)) {
      if (!member->IsString()) {
        reject(name, "a string");
      } else if (member->GetStringLength() != 0) {
        value.assign(member->GetString(), member->GetStringLength());
      }
    }
  }

  // Appends to `values`.
  void texts(const char* name, std::vector<std::string>& values) {
    const auto* member = find(name);
    if (member == nullptr) {
      return;
    }
    if (!member->IsArray()) {
      reject(name, "an array of strings");
      return;
    }
    for (const auto& item : member->GetArray()) {
      if (!item.IsString() || std::strlen(item.GetString()) != item.GetStringLength()) {
        reject(name, "an array of strings");
        return;
      }
      values.emplace_back(item.GetString(), item.GetStringLength());
    }
  }

  template <typename Number>
  void number(const char* name, std::uint64_t least, std::uint64_t most, Number& value) {
    if (const auto* member = find(name)) {
      if (!member->IsUint64() || member->GetUint64() < least || member->GetUint64() > most) {
        reject(name,
               format("a whole number of %llu to %llu", static_cast<unsigned long long>(least),
                      static_cast<unsigned long long>(most)));
      } else {
        value = static_cast<Number>(member->GetUint64());
      }
    }
  }

  const rapidjson::Value* object(const char* name) {
    const auto* member = find(name);
    if (member != nullptr && !member->IsObject()) {
      reject(name, "an object");
      return nullptr;
    }
    return member;
  }

 private:
  const rapidjson::Value* find(const char* name) const {
    const auto found = object_.FindMember(name);
    return found == object_.MemberEnd() || found->value.IsNull() ? nullptr : &found->value;
  }
  void reject(const char* name, const std::string& expected) {
    if (error_.empty()) {
      error_ = format("%s%s: expected %s", prefix_, name, expected.c_str());
    }
  }

  const rapidjson::Value& object_;
  const char* const prefix_;
  std::string& error_;
};

void read_members(const rapidjson::Value& object, ImageConfig& config, std::string& error) {
  constexpr auto kMost = std::uint64_t{std::numeric_limits<std::uint32_t>::max()};
  Members members(object, "", error);
  members.texts("Entrypoint", config.command);
  members.texts("Cmd", config.command);
  members.texts("Env", config.environment);
  members.text("WorkingDir", config.working_directory);
  members.text("User", config.user);
  if (const auto* own = members.object("Faasnap")) {
    Members faasnap(*own, "Faasnap.", error);
    faasnap.text("Name", config.name);
    faasnap.text("Handler", config.handler);
    faasnap.number("Concurrency", 1, kMostInvocations, config.concurrency);
    faasnap.number("TimeoutMs", 0, kMost, config.timeout_ms);
    faasnap.number("MemoryMiB", 0, kMost, config.memory_mib);
  }
}

}  // namespace

std::optional<ImageConfig> parse_image_config(std::string_view text, std::string& error) {
  rapidjson::Document document;
  document.Parse<kJsonFlags>(text.data(), text.size());
  if (document.HasParseError()) {
    error =
        format("not JSON: %s at byte %zu", rapidjson::GetParseError_En(document.GetParseError()),
               document.GetErrorOffset());
    return std::nullopt;
  }
  if (!document.IsObject()) {
    error = "expected a JSON object";
    return std::nullopt;
  }
  ImageConfig config;
  read_members(document, config, error);
  if (error.empty() && config.command.empty()) {
    error = "expected a program in Entrypoint or Cmd";
  }
  if (!error.empty()) {
    return std::nullopt;
  }
  return config;
}

ImageConfig read_image_config(const std::string& path) {
  errno = 0;
  const auto text = read_file(path.c_str(), kLargestConfig);
  if (!text) {
    die("%s: %s", path.c_str(), errno == 0 ? "larger than 1 MiB" : std::strerror(errno));
  }
  std::string error;
  auto config = parse_image_config(*text, error);
  if (!config) {
    die("%s: %s", path.c_str(), error.c_str());
  }
  return std::move(*config);
}

}  // namespace faasnap::init
