// SPDX-License-Identifier: Apache-2.0

#include "image/erofs_writer.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>
#include <map>
#include <unordered_map>
#include <vector>

#include "image/erofs_format.h"
#include "run/interruption.h"
#include "tools/failure.h"

namespace faasnap::cli {
namespace {

using namespace erofs;

constexpr std::uint64_t kPiece = 1 << 20;

std::uint64_t blocks_of(std::uint64_t bytes) { return (bytes + kBlock - 1) / kBlock; }

std::uint32_t file_type(FileKind kind) {
  switch (kind) {
    case FileKind::regular:
      return S_IFREG;
    case FileKind::directory:
      return S_IFDIR;
    case FileKind::symlink:
      return S_IFLNK;
    case FileKind::fifo:
      return S_IFIFO;
  }
  return 0;
}

// The type of a directory's entry, as in readdir(3).
std::uint8_t entry_type(FileKind kind) {
  switch (kind) {
    case FileKind::regular:
      return 1;
    case FileKind::directory:
      return 2;
    case FileKind::fifo:
      return 5;
    case FileKind::symlink:
      return 7;
  }
  return 0;
}

// Gives inodes and the tails that follow them room in the metadata area, none across two blocks,
// each in the fullest block that has room.
class MetadataArea {
 public:
  // The superblock comes first.
  MetadataArea()
      : room_{{kBlock - kSuperOffset - kSuperSize, kSuperOffset + kSuperSize}}, end_(kBlock) {}

  std::uint64_t take(std::uint64_t bytes) {
    bytes = (bytes + kSlot - 1) / kSlot * kSlot;
    auto best = room_.lower_bound(bytes);
    if (best == room_.end()) {
      best = room_.emplace(kBlock, end_);
      end_ += kBlock;
    }
    const auto [room, at] = *best;
    room_.erase(best);
    if (room - bytes >= kExtendedInode) {
      room_.emplace(room - bytes, at + bytes);
    }
    return at;
  }

  std::uint64_t end() const noexcept { return end_; }

 private:
  std::multimap<std::uint64_t, std::uint64_t> room_;
  std::uint64_t end_;
};

class ErofsWriter {
 public:
  ErofsWriter(int fd, const std::string& name, const ErofsOptions& options)
      : fd_(fd), name_(name), options_(options) {}

  void write(const FileNode& root, const std::function<bool(Bytes, Bytes)>& progress) {
    add(root, root);
    lay_out();
    write_superblock();
    std::uint64_t done = 0;
    for (const Inode& inode : inodes_) {
      done += write_inode(inode);
      if (!progress(Bytes{done}, Bytes{total_})) {
        throw Interrupted();
      }
    }
    if (::ftruncate(fd_, static_cast<off_t>(block_ * kBlock)) != 0) {
      fail();
    }
  }

 private:
  struct Inode {
    const FileNode* file;
    const FileNode* parent;
    std::uint32_t links = 1;
    std::uint64_t size = 0;
    std::uint64_t tail = 0;  // bytes behind the inode
    std::uint64_t position = 0;
    std::uint64_t block = 0;
  };

  [[noreturn]] void fail() const {
    throw tools::Failure(fmt::format("{}: cannot be written: {}", name_, std::strerror(errno)));
  }

  // Takes in the file and what is below it, in the order of names.
  void add(const FileNode& file, const FileNode& parent) {
    const auto [known, is_new] = indices_.emplace(&file, inodes_.size());
    if (!is_new) {
      ++inodes_[known->second].links;
      return;
    }
    const std::size_t index = inodes_.size();
    inodes_.push_back({&file, &parent});
    inodes_[index].size = file.kind == FileKind::regular   ? file.size()
                          : file.kind == FileKind::symlink ? file.target.size()
                                                           : 0;
    if (file.kind == FileKind::directory) {
      inodes_[index].links = 2;
      for (const auto& [name, child] : file.children) {
        inodes_[index].links += child->kind == FileKind::directory ? 1 : 0;
        add(*child, file);
      }
      // Its size does not depend on the numbers in it.
      inodes_[index].size = directory(inodes_[index]).size();
    }
  }

  void lay_out() {
    MetadataArea metadata;
    for (Inode& inode : inodes_) {
      const std::uint64_t tail = inode.size % kBlock;
      inode.tail = tail + kExtendedInode <= kBlock ? tail : 0;
      inode.position = metadata.take(kExtendedInode + inode.tail);
      total_ += inode.size;
    }
    block_ = metadata.end() / kBlock;
    for (Inode& inode : inodes_) {
      const std::uint64_t blocks = blocks_of(inode.size - inode.tail);
      inode.block = blocks == 0 ? 0 : block_;
      block_ += blocks;
    }
    if (block_ > std::numeric_limits<std::uint32_t>::max()) {
      throw tools::Failure(fmt::format("{}: the files are too large for one image", name_));
    }
  }

  std::uint64_t number(const FileNode& file) const {
    return inodes_[indices_.at(&file)].position / kSlot;
  }

  struct Entry {
    std::string_view name;
    const FileNode* file;
  };

  // Returns the directory's data: blocks of entries, each followed by its names.
  std::string directory(const Inode& inode) const {
    std::vector<Entry> entries{{".", inode.file}, {"..", inode.parent}};
    for (const auto& [name, child] : inode.file->children) {
      entries.push_back({name, child.get()});
    }
    std::ranges::sort(entries, {}, &Entry::name);
    std::string data;
    for (auto first = entries.begin(); first != entries.end();) {
      std::uint64_t used = 0;
      auto end = first;
      while (end != entries.end() && used + kDirent + end->name.size() <= kBlock) {
        used += kDirent + end->name.size();
        ++end;
      }
      data.resize(blocks_of(data.size()) * kBlock);
      append_block(data, {first, end});
      first = end;
    }
    return data;
  }

  void append_block(std::string& data, std::span<const Entry> entries) const {
    const std::size_t begin = data.size();
    std::size_t name_at = entries.size() * kDirent;
    data.resize(begin + name_at);
    for (std::size_t i = 0; i < entries.size(); ++i) {
      const auto entry =
          std::as_writable_bytes(std::span(data)).subspan(begin + i * kDirent, kDirent);
      store<std::uint64_t>(entry, 0, number(*entries[i].file));
      store<std::uint16_t>(entry, 8, static_cast<std::uint16_t>(name_at));
      store<std::uint8_t>(entry, 10, entry_type(entries[i].file->kind));
      name_at += entries[i].name.size();
      data += entries[i].name;
    }
  }

  void put(std::uint64_t offset, std::span<const std::byte> bytes) const {
    while (!bytes.empty()) {
      const ssize_t put = ::pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
      if (put < 0 && errno != EINTR) {
        fail();
      }
      const auto written = static_cast<std::size_t>(std::max<ssize_t>(put, 0));
      bytes = bytes.subspan(written);
      offset += written;
    }
  }

  void write_superblock() const {
    std::array<std::byte, kSuperSize> block{};
    store(block, super::kMagicAt, kMagic);
    store(block, super::kCompatibleFeatures, kFeatureModified);
    store(block, super::kBlockBitsAt, kBlockBits);
    store(block, super::kRootInode, static_cast<std::uint16_t>(number(*inodes_[0].file)));
    store<std::uint64_t>(block, super::kInodes, inodes_.size());
    store(block, super::kBuildTime, options_.time);
    store(block, super::kBlocks, static_cast<std::uint32_t>(block_));
    std::memcpy(block.data() + super::kUuid, options_.uuid.data(), options_.uuid.size());
    put(kSuperOffset, block);
  }

  // Returns the number of bytes of data.
  std::uint64_t write_inode(const Inode& inode) const {
    const FileNode& file = *inode.file;
    std::array<std::byte, kExtendedInode> bytes{};
    const std::int64_t modified =
        std::min(std::max<std::int64_t>(file.modified, 0), options_.latest.value_or(file.modified));
    const unsigned format = kExtended | (inode.tail != 0 ? kInline : kPlain) << 1;
    store(bytes, inode::kFormat, static_cast<std::uint16_t>(format));
    store(bytes, inode::kMode,
          static_cast<std::uint16_t>(file_type(file.kind) | (file.permissions & 07777)));
    store(bytes, inode::kSize, inode.size);
    store(bytes, inode::kAddress, static_cast<std::uint32_t>(inode.block));
    store(bytes, inode::kNumber, static_cast<std::uint32_t>(indices_.at(&file) + 1));
    store(bytes, inode::kUid, file.uid);
    store(bytes, inode::kGid, file.gid);
    store(bytes, inode::kModified, std::max<std::int64_t>(modified, 0));
    store(bytes, inode::kLinks, inode.links);
    put(inode.position, bytes);
    write_data(inode);
    return inode.size;
  }

  void write_data(const Inode& inode) const {
    const FileNode& file = *inode.file;
    if (file.kind == FileKind::directory) {
      write_data(inode, TextSource(directory(inode)));
    } else if (file.kind == FileKind::symlink) {
      write_data(inode, TextSource(file.target));
    } else if (file.content) {
      write_data(inode, *file.content);
    }
  }

  void write_data(const Inode& inode, const ByteSource& data) const {
    const std::uint64_t whole = inode.size - inode.tail;
    std::vector<std::byte> piece(std::min(kPiece, inode.size));
    for (std::uint64_t done = 0; done < inode.size;) {
      Interruption::check();
      const std::uint64_t end = done < whole ? whole : inode.size;
      const auto part = std::span(piece).first(std::min(kPiece, end - done));
      data.read(done, part);
      put(done < whole ? inode.block * kBlock + done : inode.position + kExtendedInode, part);
      done += part.size();
    }
  }

  int fd_;
  const std::string& name_;
  const ErofsOptions& options_;
  std::vector<Inode> inodes_;
  std::unordered_map<const FileNode*, std::size_t> indices_;
  std::uint64_t total_ = 0;
  std::uint64_t block_ = 0;  // after the last one in use
};

}  // namespace

void write_erofs(const FileTree& tree, int fd, const std::string& name, const ErofsOptions& options,
                 const std::function<bool(Bytes, Bytes)>& progress) {
  ErofsWriter(fd, name, options).write(tree.root(), progress);
}

}  // namespace faasnap::cli
