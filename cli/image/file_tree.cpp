// SPDX-License-Identifier: Apache-2.0

#include "image/file_tree.h"

#include <fmt/format.h>

#include <algorithm>

#include "output/line_text.h"
#include "tools/failure.h"

namespace faasnap::cli {
namespace {

// As many as Linux follows (path_resolution(7)).
constexpr unsigned kMostLinks = 40;
// Far above what people make, and far below what recursion over a tree could not stand.
constexpr std::size_t kMostLevels = 256;
constexpr std::size_t kLongestName = 255;

[[noreturn]] void reject(std::string_view path, std::string_view reason) {
  throw tools::Failure(fmt::format("{}: {}", line_text(path), reason));
}

// Calls `visit` with each component of the path that is neither empty nor ".".
template <typename Visit>
void for_each_name(std::string_view path, Visit visit) {
  while (!path.empty()) {
    const auto slash = path.find('/');
    const std::string_view name = path.substr(0, slash);
    path = slash == std::string_view::npos ? std::string_view() : path.substr(slash + 1);
    if (!name.empty() && name != ".") {
      visit(name);
    }
  }
}

}  // namespace

std::string checked_path(std::string_view path) {
  std::string checked;
  for_each_name(path, [&](std::string_view name) {
    if (name == "..") {
      reject(path, "leads out of its directory");
    }
    if (name.size() > kLongestName || name.find('\0') != std::string_view::npos) {
      reject(path.substr(0, kLongestName), "has a name that no file can have");
    }
    checked += checked.empty() ? "" : "/";
    checked += name;
  });
  return checked;
}

FileTree::FileTree(std::int64_t default_time)
    : default_time_(default_time), root_(std::make_shared<FileNode>()) {
  root_->kind = FileKind::directory;
  root_->permissions = 0755;
  root_->modified = default_time;
}

// Moves `at` along the path, as path_resolution(7) says. Returns false if a name is not there.
bool FileTree::walk(Ancestors& at, std::string_view path, bool make, unsigned& links) const {
  if (path.starts_with('/')) {
    at.resize(1);
  }
  bool found = true;
  for_each_name(path, [&](std::string_view name) {
    if (!found) {
      return;
    }
    if (name == "..") {
      at.resize(std::max<std::size_t>(at.size() - 1, 1));
      return;
    }
    if (at.back()->kind != FileKind::directory) {
      found = false;
      return;
    }
    auto& children = at.back()->children;
    auto child = children.find(std::string(name));
    if (child == children.end()) {
      if (!make) {
        found = false;
        return;
      }
      auto directory = std::make_shared<FileNode>();
      directory->kind = FileKind::directory;
      directory->permissions = 0755;
      directory->modified = default_time_;
      directory->layer = layer_;
      child = children.emplace(name, std::move(directory)).first;
    }
    if (child->second->kind == FileKind::symlink) {
      if (++links > kMostLinks) {
        reject(path, "has too many levels of symbolic links");
      }
      // The link lives on, whatever the walk makes.
      const std::shared_ptr<FileNode> link = child->second;
      found = walk(at, link->target, make, links);
      return;
    }
    at.push_back(child->second.get());
    if (at.size() > kMostLevels) {
      reject(path.substr(0, kLongestName), "lies too deep");
    }
  });
  return found;
}

FileTree::Place FileTree::place(std::string_view path, bool make) {
  const std::string checked = checked_path(path);
  const auto slash = checked.rfind('/');
  Ancestors at{root_.get()};
  unsigned links = 0;
  if (slash != std::string::npos) {
    if (!walk(at, std::string_view(checked).substr(0, slash), make, links)) {
      if (make) {
        reject(path, "lies in a file that is not a directory");
      }
      return {nullptr, {}};
    }
  }
  if (at.back()->kind != FileKind::directory) {
    reject(path, "lies in a file that is not a directory");
  }
  return {at.back(), slash == std::string::npos ? checked : checked.substr(slash + 1)};
}

void FileTree::put(std::string_view path, FileNode file) {
  file.layer = layer_;
  const Place at = place(path, true);
  if (at.name.empty() && file.kind != FileKind::directory) {
    reject(path, "is the root, but not a directory");
  }
  std::shared_ptr<FileNode>& entry = at.name.empty() ? root_ : at.directory->children[at.name];
  if (entry && entry->kind == FileKind::directory && file.kind == FileKind::directory) {
    file.children = std::move(entry->children);
    *entry = std::move(file);
  } else {
    entry = std::make_shared<FileNode>(std::move(file));
  }
}

// Returns the place's entry, or null.
std::shared_ptr<FileNode>* FileTree::entry(const Place& place) {
  if (place.directory == nullptr) {
    return nullptr;
  }
  const auto found = place.directory->children.find(place.name);
  return found == place.directory->children.end() ? nullptr : &found->second;
}

void FileTree::link(std::string_view path, std::string_view target) {
  const std::shared_ptr<FileNode>* from = entry(place(target, false));
  if (from == nullptr || (*from)->kind == FileKind::directory) {
    reject(path, fmt::format("is a hard link to {}, which is not a file", line_text(target)));
  }
  const std::shared_ptr<FileNode> file = *from;
  const Place to = place(path, true);
  if (to.name.empty()) {
    reject(path, "is the root, but not a directory");
  }
  file->layer = layer_;
  to.directory->children[to.name] = file;
}

// Removes the files of earlier layers in the directory, and directories that only lead to them.
void FileTree::remove_older(FileNode& directory) const {
  for (auto child = directory.children.begin(); child != directory.children.end();) {
    FileNode& file = *child->second;
    if (file.kind == FileKind::directory) {
      remove_older(file);
    }
    const bool stays = file.layer == layer_ || !file.children.empty();
    child = stays ? std::next(child) : directory.children.erase(child);
  }
}

void FileTree::hide(std::string_view path) {
  const Place at = place(path, false);
  const std::shared_ptr<FileNode>* found = entry(at);
  if (found == nullptr) {
    return;
  }
  if ((*found)->kind == FileKind::directory) {
    remove_older(**found);
  }
  if ((*found)->layer != layer_ && (*found)->children.empty()) {
    at.directory->children.erase(at.name);
  }
}

void FileTree::clear(std::string_view path) {
  Ancestors at{root_.get()};
  unsigned links = 0;
  if (walk(at, checked_path(path), false, links) && at.back()->kind == FileKind::directory) {
    remove_older(*at.back());
  }
}

const FileNode* FileTree::find(std::string_view path) const {
  Ancestors at{root_.get()};
  unsigned links = 0;
  return walk(at, path, false, links) ? at.back() : nullptr;
}

}  // namespace faasnap::cli
