// SPDX-License-Identifier: Apache-2.0

#include "functions/images.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

#include "base/error.h"
#include "functions/child.h"
#include "state/files.h"

namespace platform {
namespace {

namespace fs = std::filesystem;

// Lambda's limit of an archive's files, unpacked.
constexpr std::uint64_t kMostUnpackedMiB = 250;
// Those that the base image of rootfs/build has, by Lambda's names.
constexpr const char* kBaseRuntimes[] = {"python3.11", "provided", "provided.al2",
                                         "provided.al2023"};

// The name of the image in "registry/path/name:tag" or "name@digest".
std::string image_name(const std::string& uri) {
  const std::string last = uri.substr(uri.rfind('/') + 1);
  return last.substr(0, last.find_first_of(":@"));
}

std::string last_line(std::string text) {
  while (!text.empty() && text.back() == '\n') {
    text.pop_back();
  }
  return text.substr(text.rfind('\n') + 1);
}

// The command's message without the names that only this host knows.
std::string reason_in(std::string message, const std::string& archive) {
  if (const auto colon = message.find(": "); colon != std::string::npos) {
    message.erase(0, colon + 2);
  }
  if (const auto at = message.find(archive); at != std::string::npos) {
    message.replace(at, archive.size(), "ZipFile");
  }
  return message;
}

}  // namespace

Images::Images(const Config& config) : config_(config), made_(config.state / "images") {}

fs::path Images::find(const std::string& uri) const {
  const std::string name = image_name(uri);
  if (name.empty() || name.front() == '.' || !fs::exists(config_.images / name / "rootfs.img")) {
    throw RequestError(
        Refusal::invalid,
        fmt::format("ImageUri {}: no image '{}' in {}; make it with `faasnap image "
                    "make {} --from SOURCE --images {}`",
                    uri, name, config_.images.string(), name, config_.images.string()));
  }
  return fs::canonical(config_.images / name);
}

fs::path Images::place(const Function& function) const {
  return fs::weakly_canonical(function.archive.empty()
                                  ? config_.images / image_name(function.image_uri)
                                  : made_ / function.revision);
}

void Images::provide(const Function& function) const {
  if (fs::exists(function.image / "rootfs.img")) {
    return;
  }
  if (function.archive.empty()) {
    throw RequestError(Refusal::unavailable,
                       fmt::format("this host has no image {}", function.image.string()));
  }
  const std::lock_guard lock(providing_);
  if (!fs::exists(function.image / "rootfs.img")) {
    make(function, {});
  }
}

fs::path Images::base_of(const std::string& runtime) const {
  if (const auto named = config_.runtimes.find(runtime); named != config_.runtimes.end()) {
    return named->second;
  }
  if (config_.base_image.empty()) {
    throw RequestError(
        Refusal::invalid,
        fmt::format("this host takes no zip archives for the runtime '{:.64}': its settings name "
                    "no base_image, and nothing for it in [runtimes]",
                    runtime));
  }
  if (std::ranges::find(kBaseRuntimes, runtime) == std::end(kBaseRuntimes)) {
    std::vector<std::string> known(std::begin(kBaseRuntimes), std::end(kBaseRuntimes));
    for (const auto& [name, base] : config_.runtimes) {
      known.push_back(name);
    }
    throw RequestError(Refusal::invalid,
                       fmt::format("Runtime '{:.64}': expected one that this host has: {}", runtime,
                                   fmt::join(known, ", ")));
  }
  return config_.base_image;
}

void Images::check(const Function& function) const {
  if (function.runtime.empty() || function.handler.empty()) {
    throw RequestError(Refusal::invalid,
                       "Runtime and Handler are mandatory parameters for functions created with "
                       "deployment packages.");
  }
  const fs::path base = base_of(function.runtime);
  if (!fs::exists(base / "rootfs.img")) {
    throw RequestError(Refusal::unavailable,
                       fmt::format("{}, the image below zip archives of the runtime {}, has no "
                                   "rootfs.img",
                                   base.string(), function.runtime));
  }
}

fs::path Images::make(const Function& function, const std::stop_token& stop) const {
  const fs::path base = base_of(function.runtime);
  nlohmann::json environment = nlohmann::json::array();
  for (const auto& [key, value] : function.environment) {
    environment.push_back(key + "=" + value);
  }
  // The files of the base count as well.
  const std::uint64_t most = kMostUnpackedMiB + (fs::file_size(base / "rootfs.img") >> 20) + 1;
  std::vector<std::string> command = {config_.faasnap.string(),
                                      "image",
                                      "make",
                                      function.revision,
                                      "--from",
                                      function.archive,
                                      "--images",
                                      made_,
                                      "--base",
                                      base.string() + "/",
                                      "--force",
                                      "--max-size",
                                      fmt::format("{}M", most)};
  // Without the option the image keeps the environment of its base.
  if (!environment.empty()) {
    command.insert(command.end(), {"--image-config", nlohmann::json{{"Env", environment}}.dump()});
  }
  if (!function.runtime.starts_with("provided")) {
    command.insert(command.end(), {"--handler", function.handler});
  }
  const Ended ended = run_child(command, config_.archives.timeout, 2 * most << 20, stop);
  if (ended.timed_out) {
    throw RequestError(Refusal::unavailable, fmt::format("the image is not made within {} s",
                                                         config_.archives.timeout.count()));
  }
  if (ended.status != 0) {
    throw RequestError(
        Refusal::invalid,
        ended.messages.empty()
            ? fmt::format("{} ended with status {}", config_.faasnap.string(), ended.status)
            : reason_in(last_line(ended.messages), function.archive));
  }
  return fs::canonical(made_ / function.revision);
}

void Images::remove(const std::string& revision) const { fs::remove_all(made_ / revision); }

void Images::keep_only(const std::set<std::string>& revisions) const {
  if (!fs::exists(made_)) {
    return;
  }
  for (const auto& entry : fs::directory_iterator(made_)) {
    if (!revisions.contains(entry.path().filename())) {
      fs::remove_all(entry.path());
    }
  }
}

ImageFacts Images::facts(const fs::path& image) {
  ImageFacts facts;
  facts.size = fs::file_size(image / "rootfs.img");
  if (fs::exists(image / "image.json")) {
    const auto manifest = nlohmann::json::parse(read_file(image / "image.json"));
    const auto& own = manifest.at("config").at("Faasnap");
    facts.name = own.value("Name", "");
    facts.handler = own.value("Handler", "");
    facts.sha256 = manifest.at("files").at("rootfs.img").at("sha256");
  }
  return facts;
}

}  // namespace platform
