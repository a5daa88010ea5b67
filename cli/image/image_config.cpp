// SPDX-License-Identifier: Apache-2.0

#include "image/image_config.h"

#include <elf.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <span>

#include "output/line_text.h"
#include "tools/command_line.h"
#include "tools/failure.h"

namespace faasnap::cli {
namespace {

constexpr std::uint64_t kLargestTable = 16 << 20;
constexpr std::uint64_t kLongestShebang = 255;
constexpr const char* kDefaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

[[noreturn]] void reject(const std::string& what, const std::string& reason) {
  throw tools::Failure(fmt::format("{}: {}", what, reason));
}

bool is_plain(const std::string& text) { return text.find('\0') == std::string::npos; }

std::string text_of(const tools::Json& value, const std::string& what, const std::string& key) {
  if (!value.is_string() || !is_plain(value.get<std::string>())) {
    reject(what, fmt::format("'{}' must be a string", key));
  }
  return value.get<std::string>();
}

std::vector<std::string> texts_of(const tools::Json& value, const std::string& what,
                                  const std::string& key) {
  std::vector<std::string> texts;
  if (!value.is_array()) {
    reject(what, fmt::format("'{}' must be an array of strings", key));
  }
  for (const tools::Json& each : value) {
    texts.push_back(text_of(each, what, key));
  }
  return texts;
}

std::uint64_t number_of(const tools::Json& value, const std::string& what, const std::string& key,
                        std::uint64_t least, std::uint64_t most) {
  if (!value.is_number_unsigned() || value.get<std::uint64_t>() < least ||
      value.get<std::uint64_t>() > most) {
    reject(what, fmt::format("'{}' must be a number from {} to {}", key, least, most));
  }
  return value.get<std::uint64_t>();
}

void apply_own(ImageConfig& config, const tools::Json& object, const std::string& what) {
  if (!object.is_object()) {
    reject(what, "'Faasnap' must be an object");
  }
  for (const auto& [key, value] : object.items()) {
    if (key == "Name") {
      config.name = text_of(value, what, key);
    } else if (key == "Handler") {
      config.handler = text_of(value, what, key);
    } else if (key == "Concurrency") {
      config.concurrency = number_of(value, what, key, 1, 64);
    } else if (key == "TimeoutMs") {
      config.timeout_ms = number_of(value, what, key, 0, 86'400'000);
    } else if (key == "MemoryMiB") {
      config.memory_mib = number_of(value, what, key, 0, 16 << 10);
    } else {
      reject(what, fmt::format("unknown key '{}' in 'Faasnap'", line_text(key)));
    }
  }
}

void check_environment(const std::vector<std::string>& environment, const std::string& what) {
  for (const std::string& variable : environment) {
    const auto equals = variable.find('=');
    if (equals == 0 || equals == std::string::npos) {
      reject(what, fmt::format("'Env' has '{}', expected NAME=VALUE", line_text(variable)));
    }
  }
}

// Splits at each `separator`.
std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  for (;;) {
    const auto end = text.find(separator);
    parts.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) {
      return parts;
    }
    text.remove_prefix(end + 1);
  }
}

std::string search_path(const ImageConfig& config) {
  for (const std::string& variable : config.environment) {
    if (variable.starts_with("PATH=")) {
      return variable.substr(5);
    }
  }
  return kDefaultPath;
}

bool may_run(const FileNode* file) {
  return file != nullptr && file->kind == FileKind::regular && (file->permissions & 0111) != 0;
}

// Returns where the program lies, as execvp(3) finds it from the working directory.
std::string find_program(const FileTree& tree, const ImageConfig& config,
                         const std::string& program) {
  if (program.find('/') == std::string::npos) {
    for (const std::string& directory : split(search_path(config), ':')) {
      const std::string path = fmt::format("{}/{}", directory, program);
      if (may_run(tree.find(path))) {
        return path;
      }
    }
    throw tools::Failure(fmt::format("the entry point '{}' is not in the image's PATH, {}",
                                     line_text(program), line_text(search_path(config))));
  }
  return program.starts_with('/') ? program
                                  : fmt::format("{}/{}", config.working_directory, program);
}

std::string begin_of(const FileNode& file, std::uint64_t offset, std::uint64_t most) {
  if (offset >= file.size()) {
    return {};
  }
  std::string bytes(std::min(most, file.size() - offset), '\0');
  file.content->read(offset, std::as_writable_bytes(std::span(bytes)));
  return bytes;
}

template <typename Header>
std::optional<Header> header_at(const FileNode& file, std::uint64_t offset) {
  const std::string bytes = begin_of(file, offset, sizeof(Header));
  if (bytes.size() < sizeof(Header)) {
    return std::nullopt;
  }
  Header header;
  std::memcpy(&header, bytes.data(), sizeof header);
  return header;
}

// Returns the loader that an ELF program names, if any.
std::string loader_of(const FileNode& file, const std::string& path) {
  const auto header = header_at<Elf64_Ehdr>(file, 0);
  if (!header || header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_machine != EM_X86_64) {
    throw tools::Failure(fmt::format("{}: is not a program for x86-64", line_text(path)));
  }
  for (unsigned i = 0; i < header->e_phnum; ++i) {
    const auto segment =
        header_at<Elf64_Phdr>(file, header->e_phoff + std::uint64_t{i} * sizeof(Elf64_Phdr));
    if (segment && segment->p_type == PT_INTERP) {
      const std::string loader =
          begin_of(file, segment->p_offset, std::min<std::uint64_t>(segment->p_filesz, 4096));
      return loader.substr(0, loader.find('\0'));
    }
  }
  return {};
}

// Returns the interpreter that a script names on its first line.
std::string interpreter_of(const std::string& begin) {
  const std::string line = begin.substr(2, begin.find('\n') - 2);
  const auto first = line.find_first_not_of(" \t");
  if (first == std::string::npos) {
    return {};
  }
  return line.substr(first, line.find_first_of(" \t\r", first) - first);
}

// Checks the program and what it takes to start it. A script's interpreter may be a script,
// `levels` times.
void check_program(const FileTree& tree, const std::string& path, const std::string& wanted_by = "",
                   unsigned levels = 4) {
  if (levels == 0) {
    throw tools::Failure(fmt::format("{}: has too many interpreters", line_text(path)));
  }
  const FileNode* file = tree.find(path);
  const std::string named = wanted_by.empty()
                                ? fmt::format("the entry point {}", line_text(path))
                                : fmt::format("{}, which {} needs,", line_text(path), wanted_by);
  if (file == nullptr || file->kind != FileKind::regular) {
    throw tools::Failure(fmt::format("{} is not in the image", named));
  }
  if (!may_run(file)) {
    throw tools::Failure(fmt::format("{} may not be executed: set its mode to 755", named));
  }
  const std::string begin = begin_of(*file, 0, kLongestShebang);
  std::string next;
  if (begin.starts_with(ELFMAG)) {
    next = loader_of(*file, path);
  } else if (begin.starts_with("#!")) {
    next = interpreter_of(begin);
  } else {
    throw tools::Failure(
        fmt::format("{} is neither an ELF program nor a script that begins with #!", named));
  }
  if (!next.empty()) {
    check_program(tree, next, line_text(path), levels - 1);
  }
}

// Returns whether a table such as /etc/passwd has a line that begins with the name.
bool has_name(const FileTree& tree, const std::string& table, const std::string& name) {
  const FileNode* file = tree.find(table);
  if (file == nullptr || !file->content) {
    return false;
  }
  const std::string text = "\n" + read_all(*file->content, kLargestTable, table);
  return text.find("\n" + name + ":") != std::string::npos;
}

void check_user(const FileTree& tree, const std::string& user) {
  const auto colon = user.find(':');
  const std::string name = user.substr(0, colon);
  const std::string group = colon == std::string::npos ? "" : user.substr(colon + 1);
  if (!name.empty() && !tools::parse_number(name) && !has_name(tree, "/etc/passwd", name)) {
    throw tools::Failure(
        fmt::format("the user '{}' is not in the image's /etc/passwd", line_text(name)));
  }
  if (!group.empty() && !tools::parse_number(group) && !has_name(tree, "/etc/group", group)) {
    throw tools::Failure(
        fmt::format("the group '{}' is not in the image's /etc/group", line_text(group)));
  }
}

}  // namespace

std::vector<std::string> ImageConfig::arguments() const {
  std::vector<std::string> all = entrypoint;
  all.insert(all.end(), command.begin(), command.end());
  return all;
}

void apply(ImageConfig& config, const tools::Json& object, const std::string& what, bool foreign) {
  if (!object.is_object()) {
    reject(what, "must be a JSON object");
  }
  for (const auto& [key, value] : object.items()) {
    // Docker writes null for what is not set.
    const bool is_set = !value.is_null();
    if (key == "Entrypoint") {
      config.entrypoint = is_set ? texts_of(value, what, key) : std::vector<std::string>{};
    } else if (key == "Cmd") {
      config.command = is_set ? texts_of(value, what, key) : std::vector<std::string>{};
    } else if (key == "Env") {
      config.environment = is_set ? texts_of(value, what, key) : std::vector<std::string>{};
      check_environment(config.environment, what);
    } else if (key == "WorkingDir") {
      config.working_directory = is_set ? text_of(value, what, key) : "";
      if (is_set && !config.working_directory.empty() &&
          !config.working_directory.starts_with('/')) {
        reject(what, "'WorkingDir' must be an absolute path");
      }
    } else if (key == "User") {
      config.user = is_set ? text_of(value, what, key) : "";
    } else if (key == "Faasnap") {
      apply_own(config, value, what);
    } else if (!foreign) {
      reject(what, fmt::format("unknown key '{}'", line_text(key)));
    }
  }
}

tools::Json to_json(const ImageConfig& config) {
  return {{"Entrypoint", config.entrypoint},
          {"Cmd", config.command},
          {"Env", config.environment},
          {"WorkingDir", config.working_directory},
          {"User", config.user},
          {"Faasnap",
           {{"Name", config.name},
            {"Handler", config.handler},
            {"Concurrency", config.concurrency},
            {"TimeoutMs", config.timeout_ms},
            {"MemoryMiB", config.memory_mib}}}};
}

void check_runs(const FileTree& tree, const ImageConfig& config) {
  const std::vector<std::string> arguments = config.arguments();
  if (arguments.empty()) {
    throw tools::Failure(
        "the image has no entry point: name one with --entrypoint PROGRAM, or make an image for "
        "others to build on with --no-entrypoint");
  }
  if (!config.working_directory.empty()) {
    const FileNode* directory = tree.find(config.working_directory);
    if (directory == nullptr || directory->kind != FileKind::directory) {
      throw tools::Failure(fmt::format("the working directory {} is not in the image",
                                       line_text(config.working_directory)));
    }
  }
  check_user(tree, config.user);
  check_program(tree, find_program(tree, config, arguments[0]));
}

}  // namespace faasnap::cli
