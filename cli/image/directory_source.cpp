// SPDX-License-Identifier: Apache-2.0

#include "image/directory_source.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <map>

#include "tools/failure.h"

namespace faasnap::cli {
namespace {

namespace fs = std::filesystem;

class DirectoryReader {
 public:
  DirectoryReader(FileTree& tree, Budget& budget) : tree_(tree), budget_(budget) {}

  void add(const fs::path& file, const std::string& path) {
    budget_.take_name();
    struct stat status {};
    if (::lstat(file.c_str(), &status) != 0) {
      fail(file, std::strerror(errno));
    }
    if (status.st_nlink > 1 && !S_ISDIR(status.st_mode)) {
      const auto [first, is_new] = links_.emplace(std::pair{status.st_dev, status.st_ino}, path);
      if (!is_new) {
        tree_.link(path, first->second);
        return;
      }
    }
    if (!is_kept(status.st_mode, file, path)) {
      return;
    }
    tree_.put(path, node(file, status));
    if (S_ISDIR(status.st_mode)) {
      add_children(file, path);
    }
  }

 private:
  [[noreturn]] static void fail(const fs::path& file, std::string_view reason) {
    throw tools::Failure(fmt::format("{}: {}", file.string(), reason));
  }

  static bool is_kept(mode_t mode, const fs::path& file, std::string_view path) {
    if (S_ISSOCK(mode) || ((S_ISCHR(mode) || S_ISBLK(mode)) && path.starts_with("dev/"))) {
      return false;
    }
    if (S_ISCHR(mode) || S_ISBLK(mode)) {
      fail(file, "is a device, which an image has in /dev only");
    }
    return true;
  }

  FileNode node(const fs::path& file, const struct stat& status) const {
    FileNode node;
    node.permissions = status.st_mode & 07777;
    node.uid = status.st_uid == user_ ? 0 : status.st_uid;
    node.gid = status.st_gid == group_ ? 0 : status.st_gid;
    node.modified = status.st_mtime;
    switch (status.st_mode & S_IFMT) {
      case S_IFDIR:
        node.kind = FileKind::directory;
        break;
      case S_IFLNK:
        node.kind = FileKind::symlink;
        node.target = fs::read_symlink(file).string();
        break;
      case S_IFIFO:
        node.kind = FileKind::fifo;
        break;
      default:
        if (::access(file.c_str(), R_OK) != 0) {
          fail(file, fmt::format("cannot be read: {}", std::strerror(errno)));
        }
        budget_.take(static_cast<std::uint64_t>(status.st_size));
        node.content = std::make_shared<HostFile>(file, static_cast<std::uint64_t>(status.st_size));
    }
    return node;
  }

  void add_children(const fs::path& directory, const std::string& path) {
    std::error_code error;
    for (fs::directory_iterator each(directory, error), end; !error && each != end;
         each.increment(error)) {
      const std::string name = each->path().filename().string();
      add(each->path(), path.empty() ? name : path + "/" + name);
    }
    if (error) {
      fail(directory, fmt::format("cannot be read: {}", error.message()));
    }
  }

  FileTree& tree_;
  Budget& budget_;
  const uid_t user_ = ::geteuid();
  const gid_t group_ = ::getegid();
  // The first path of each file with several names.
  std::map<std::pair<dev_t, ino_t>, std::string> links_;
};

}  // namespace

void read_directory(const fs::path& directory, FileTree& tree, Budget& budget) {
  DirectoryReader(tree, budget).add(directory / "", "");
}

}  // namespace faasnap::cli
