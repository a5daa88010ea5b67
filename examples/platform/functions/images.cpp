// SPDX-License-Identifier: Apache-2.0

#include "functions/images.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <nlohmann/json.hpp>
#include <vector>

#include "base/error.h"
#include "state/files.h"

extern char** environ;

namespace platform {
namespace {

namespace fs = std::filesystem;

// The name of the image in "registry/path/name:tag" or "name@digest".
std::string image_name(const std::string& uri) {
  const std::string last = uri.substr(uri.rfind('/') + 1);
  return last.substr(0, last.find_first_of(":@"));
}

// Runs a program to its end and returns its status, with what it writes to stderr in `messages`.
int run(const std::vector<std::string>& command, std::string& messages) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) {
    throw std::system_error(errno, std::generic_category(), "pipe");
  }
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  ::posix_spawn_file_actions_adddup2(&actions, ends[1], 2);
  std::vector<char*> arguments;
  for (const std::string& argument : command) {
    arguments.push_back(const_cast<char*>(argument.c_str()));
  }
  arguments.push_back(nullptr);
  pid_t child = 0;
  const int failure =
      ::posix_spawnp(&child, arguments[0], &actions, nullptr, arguments.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);
  if (failure != 0) {
    ::close(ends[0]);
    throw std::system_error(failure, std::generic_category(), command[0]);
  }
  std::array<char, 4096> piece;
  for (ssize_t got; (got = ::read(ends[0], piece.data(), piece.size())) != 0;) {
    if (got < 0 && errno != EINTR) {
      break;
    }
    messages.append(piece.data(), static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  }
  ::close(ends[0]);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

std::string last_line(std::string text) {
  while (!text.empty() && text.back() == '\n') {
    text.pop_back();
  }
  return text.substr(text.rfind('\n') + 1);
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

fs::path Images::make(const Function& function) const {
  if (config_.base_image.empty()) {
    throw RequestError(Refusal::invalid,
                       "this host takes no zip archives: its settings name no base_image");
  }
  nlohmann::json environment = nlohmann::json::array();
  for (const auto& [key, value] : function.environment) {
    environment.push_back(key + "=" + value);
  }
  std::vector<std::string> command = {config_.faasnap.string(),
                                      "image",
                                      "make",
                                      function.revision,
                                      "--from",
                                      function.archive.string(),
                                      "--images",
                                      made_.string(),
                                      "--base",
                                      config_.base_image.string(),
                                      "--force"};
  // Without the option the image keeps the environment of its base.
  if (!environment.empty()) {
    command.insert(command.end(), {"--image-config", nlohmann::json{{"Env", environment}}.dump()});
  }
  if (!function.handler.empty() && !function.runtime.starts_with("provided")) {
    command.insert(command.end(), {"--handler", function.handler});
  }
  std::string messages;
  if (const int status = run(command, messages); status != 0) {
    throw RequestError(
        Refusal::invalid,
        messages.empty() ? fmt::format("{} ended with status {}", config_.faasnap.string(), status)
                         : last_line(messages));
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
