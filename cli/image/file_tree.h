// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "image/byte_source.h"

namespace faasnap::cli {

enum class FileKind { regular, directory, symlink, fifo };

// A file of a tree. Names that are hard links share one.
struct FileNode {
  FileKind kind = FileKind::regular;
  std::uint32_t permissions = 0644;
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  // Seconds since the Unix epoch.
  std::int64_t modified = 0;
  // Of a regular file; null for an empty one.
  std::shared_ptr<const ByteSource> content{};
  // Of a symbolic link.
  std::string target{};
  // Of a directory, in the order of their bytes.
  std::map<std::string, std::shared_ptr<FileNode>> children{};
  // The layer that put it there last.
  unsigned layer = 0;

  std::uint64_t size() const noexcept { return content ? content->size() : 0; }
};

// The files of an image, in memory: names and attributes, with contents wherever they lie. Nothing
// is unpacked on the host, so no name or link of an archive can lead anywhere but here. Symbolic
// links are followed inside the tree as in a chroot.
//
// Paths may begin with "/" and "./". Every function throws Failure that quotes the path for one
// that no file system takes: a component "..", a NUL, a name above 255 bytes, too many levels.
class FileTree {
 public:
  // `default_time` is the time of directories that no source describes.
  explicit FileTree(std::int64_t default_time);

  FileNode& root() noexcept { return *root_; }
  const FileNode& root() const noexcept { return *root_; }

  // Begins the next layer: what hide() and clear() remove is what earlier layers have put.
  void begin_layer() noexcept { ++layer_; }

  // Puts a file at `path`, with directories that lead there. A directory put on a directory keeps
  // the files in it; else the new file replaces the old one.
  void put(std::string_view path, FileNode file);
  // Makes `path` another name of the file at `target`, which must not be a directory.
  void link(std::string_view path, std::string_view target);
  // Removes what earlier layers have at `path`, or in the directory `path`.
  void hide(std::string_view path);
  void clear(std::string_view path);

  // Returns the file, or null. Follows symbolic links, also in the last place.
  const FileNode* find(std::string_view path) const;

 private:
  struct Place {
    FileNode* directory;
    std::string name;
  };
  using Ancestors = std::vector<FileNode*>;
  Place place(std::string_view path, bool make);
  static std::shared_ptr<FileNode>* entry(const Place& place);
  bool walk(Ancestors& at, std::string_view path, bool make, unsigned& links) const;
  void remove_older(FileNode& directory) const;

  std::int64_t default_time_;
  std::shared_ptr<FileNode> root_;
  unsigned layer_ = 0;
};

// Returns the path without what may precede it, "/" and "./", and without a "/" at its end. Throws
// as FileTree does.
std::string checked_path(std::string_view path);

}  // namespace faasnap::cli
