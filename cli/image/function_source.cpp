// SPDX-License-Identifier: Apache-2.0

#include "image/function_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "output/line_text.h"
#include "tools/failure.h"

namespace faasnap::cli {
namespace {

constexpr std::uint64_t kLargestModule = 16 << 20;
constexpr const char* kBootstrap = "/var/task/bootstrap";

bool is_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || (c & 0x80) != 0;
}

// Returns whether the target of a link, in a directory `level` levels below the function's own,
// leads nowhere outside of that, not even on the way.
bool stays_inside(std::string_view target, int level) {
  if (target.starts_with('/')) {
    return false;
  }
  while (!target.empty() && level >= 0) {
    const auto slash = target.find('/');
    const std::string_view name = target.substr(0, slash);
    target = slash == std::string_view::npos ? std::string_view() : target.substr(slash + 1);
    level += name == ".." ? -1 : (name.empty() || name == "." ? 0 : 1);
  }
  return level >= 0;
}

void put_directory(const FileNode& from, const std::string& path, int level, FileTree& tree) {
  for (const auto& [name, child] : from.children) {
    const std::string to = path + name;
    if (child->kind == FileKind::symlink && !stays_inside(child->target, level)) {
      throw tools::Failure(
          fmt::format("{} is a symbolic link that leads out of the function, to {}", line_text(to),
                      line_text(child->target)));
    }
    const bool executable = child->kind == FileKind::directory || (child->permissions & 0111) != 0;
    FileNode file;
    file.kind = child->kind;
    file.permissions = child->kind == FileKind::symlink ? 0777 : (executable ? 0755 : 0644);
    file.modified = child->modified;
    file.content = child->content;
    file.target = child->target;
    tree.put(fmt::format("{}/{}", kTaskRoot, to), std::move(file));
    if (child->kind == FileKind::directory) {
      put_directory(*child, to + "/", level + 1, tree);
    }
  }
}

// Returns the line that the byte at `at` is on, up to there.
std::string_view line_before(std::string_view text, std::size_t at) {
  const auto begin = text.substr(0, at).rfind('\n');
  return text.substr(begin == std::string_view::npos ? 0 : begin + 1,
                     at - (begin == std::string_view::npos ? 0 : begin + 1));
}

bool is_in_brackets_of_import(std::string_view text, std::size_t at) {
  const auto open = text.substr(0, at).rfind('(');
  return open != std::string_view::npos &&
         text.substr(open, at - open).find(')') == std::string_view::npos &&
         line_before(text, open).find("import") != std::string_view::npos;
}

// Returns true if the Python module seems to define the name: by def, class, import or an
// assignment. It is a look at the text, and in doubt true.
bool seems_to_define(std::string_view python, std::string_view name) {
  if (python.find("import *") != std::string_view::npos ||
      python.find("__getattr__") != std::string_view::npos) {
    return true;
  }
  for (auto at = python.find(name); at != std::string_view::npos;
       at = python.find(name, at + name.size())) {
    const std::string_view before = line_before(python, at);
    std::string_view after = python.substr(at + name.size());
    if ((at > 0 && (is_word(python[at - 1]) || python[at - 1] == '.')) ||
        (!after.empty() && is_word(after[0])) || before.find('#') != std::string_view::npos) {
      continue;
    }
    after.remove_prefix(std::min(after.find_first_not_of(" \t"), after.size()));
    const bool assigned = (after.starts_with('=') && !after.starts_with("==")) ||
                          after.starts_with(':') || after.starts_with(',');
    if (assigned || before.ends_with("def ") || before.ends_with("class ") ||
        before.find("import ") != std::string_view::npos || before.ends_with("as ") ||
        is_in_brackets_of_import(python, at)) {
      return true;
    }
  }
  return false;
}

bool is_file(const FileTree& tree, const std::string& path) {
  const FileNode* file = tree.find(path);
  return file != nullptr && file->kind == FileKind::regular;
}

struct Handler {
  std::string module;
  std::string function;
};

Handler split_handler(const std::string& handler) {
  const auto dot = handler.rfind('.');
  if (dot == 0 || dot == std::string::npos || dot + 1 == handler.size() ||
      handler.find("..") != std::string::npos) {
    throw tools::Failure(fmt::format("handler '{}': expected MODULE.FUNCTION, such as app.handler",
                                     line_text(handler)));
  }
  return {handler.substr(0, dot), handler.substr(dot + 1)};
}

// Returns the Python module's file, or an empty string.
std::string python_module(const FileTree& tree, std::string module) {
  std::ranges::replace(module, '.', '/');
  const std::string path = fmt::format("{}/{}", kTaskRoot, module);
  return is_file(tree, path + ".py")            ? path + ".py"
         : is_file(tree, path + "/__init__.py") ? path + "/__init__.py"
                                                : "";
}

bool has_node_module(const FileTree& tree, const std::string& module) {
  const std::string path = fmt::format("{}/{}", kTaskRoot, module);
  return is_file(tree, path + ".js") || is_file(tree, path + ".mjs") ||
         is_file(tree, path + ".cjs");
}

void check_handler(const FileTree& tree, const ImageConfig& config) {
  const Handler handler = split_handler(config.handler);
  const std::string python = python_module(tree, handler.module);
  if (!python.empty()) {
    const auto content = tree.find(python)->content;
    if (!content ||
        !seems_to_define(read_all(*content, kLargestModule, python), handler.function)) {
      throw tools::Failure(fmt::format("handler '{}': {} does not define '{}'",
                                       line_text(config.handler),
                                       line_text(python.substr(std::string(kTaskRoot).size() + 1)),
                                       line_text(handler.function)));
    }
    return;
  }
  if (!has_node_module(tree, handler.module)) {
    throw tools::Failure(
        fmt::format("handler '{}': the function has no file {}.py, nor one with .js, .mjs or .cjs",
                    line_text(config.handler), line_text(handler.module)));
  }
}

}  // namespace

void put_function(const FileTree& function, FileTree& tree) {
  FileNode directory;
  directory.kind = FileKind::directory;
  directory.permissions = 0755;
  directory.modified = function.root().modified;
  tree.put(kTaskRoot, std::move(directory));
  put_directory(function.root(), "", 0, tree);
}

void configure_function(const FileTree& tree, ImageConfig& config) {
  const bool has_bootstrap = is_file(tree, kBootstrap);
  if (config.handler.empty() && !has_bootstrap) {
    throw tools::Failure(
        "the function has no handler: name it with --handler MODULE.FUNCTION, or give it a program "
        "'bootstrap'");
  }
  config.command.clear();
  if (has_bootstrap) {
    config.entrypoint = {kBootstrap};
  } else {
    check_handler(tree, config);
    if (config.entrypoint.empty()) {
      throw tools::Failure(
          fmt::format("handler '{}': the base image has no entry point that could run it; --base "
                      "names another, for example one made from a container image of the language",
                      line_text(config.handler)));
    }
    config.command = {config.handler};
  }
  config.working_directory = kTaskRoot;
}

std::string usual_handler(const std::string& file, const std::string& python) {
  const std::string module = file.substr(0, file.rfind('.'));
  for (const char* name : {"handler", "lambda_handler"}) {
    if (seems_to_define(python, name)) {
      return fmt::format("{}.{}", module, name);
    }
  }
  return {};
}

}  // namespace faasnap::cli
