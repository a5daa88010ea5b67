// SPDX-License-Identifier: Apache-2.0

#include "image/erofs_reader.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <unordered_map>

#include "image/erofs_format.h"
#include "tools/failure.h"

namespace faasnap::cli {
namespace {

using namespace erofs;

constexpr std::uint64_t kLargestDirectory = 64 << 20;
constexpr std::uint64_t kLongestTarget = 4095;

class ErofsReader {
 public:
  ErofsReader(std::shared_ptr<const OpenFile> image, std::uint64_t size, FileTree& tree,
              Budget& budget)
      : image_(std::move(image)), size_(size), tree_(tree), budget_(budget) {}

  void read() {
    std::array<std::byte, kSuperSize> block{};
    if (size_ < kBlock) {
      reject("is not an erofs image");
    }
    get(kSuperOffset, block);
    if (load<std::uint32_t>(block, super::kMagicAt) != kMagic) {
      reject("is not an erofs image");
    }
    const auto features = load<std::uint32_t>(block, super::kIncompatibleFeatures);
    if (load<std::uint8_t>(block, super::kBlockBitsAt) != kBlockBits ||
        (features & ~kFeatureZeroPadding) != 0) {
      reject("is an erofs image with features that are not supported, such as compression");
    }
    built_ = load<std::int64_t>(block, super::kBuildTime);
    metadata_ = load<std::uint32_t>(block, super::kMetaBlock) * kBlock;
    add(load<std::uint16_t>(block, super::kRootInode), "");
  }

 private:
  struct Inode {
    FileNode file;
    std::uint32_t type = 0;
    std::vector<FileExtents::Extent> extents{};
    std::uint64_t size = 0;
  };

  [[noreturn]] void reject(std::string_view reason) const {
    throw tools::Failure(fmt::format("{}: {}", image_->name, reason));
  }

  void check(bool good) const {
    if (!good) {
      reject("is damaged");
    }
  }

  void get(std::uint64_t offset, std::span<std::byte> into) const {
    check(offset <= size_ && into.size() <= size_ - offset);
    FileExtents(image_, {{offset, into.size()}}).read(0, into);
  }

  Inode inode(std::uint64_t number) const {
    check(number < size_ / kSlot);
    const std::uint64_t at = metadata_ + number * kSlot;
    std::array<std::byte, kExtendedInode> bytes{};
    get(at, std::span(bytes).first(kCompactInode));
    const auto format = load<std::uint16_t>(bytes, inode::kFormat);
    const bool extended = (format & kExtended) != 0;
    if (extended) {
      get(at, bytes);
    }
    Inode found;
    const auto mode = load<std::uint16_t>(bytes, inode::kMode);
    found.type = mode & S_IFMT;
    found.file.permissions = mode & 07777;
    found.size = extended ? load<std::uint64_t>(bytes, inode::kSize)
                          : load<std::uint32_t>(bytes, inode::kSize);
    found.file.uid = extended ? load<std::uint32_t>(bytes, inode::kUid)
                              : load<std::uint16_t>(bytes, inode::kUid);
    found.file.gid = extended ? load<std::uint32_t>(bytes, inode::kGid)
                              : load<std::uint16_t>(bytes, inode::kCompactGid);
    found.file.modified = extended ? load<std::int64_t>(bytes, inode::kModified) : built_;
    if (found.type == S_IFREG || found.type == S_IFDIR || found.type == S_IFLNK) {
      const auto xattrs = load<std::uint16_t>(bytes, inode::kXattrs);
      const std::uint64_t behind = at + (extended ? kExtendedInode : kCompactInode) +
                                   (xattrs == 0 ? 0 : 12 + 4 * (xattrs - 1U));
      find_data(found, format >> 1 & 7, load<std::uint32_t>(bytes, inode::kAddress), behind);
    }
    return found;
  }

  void find_data(Inode& inode, unsigned layout, std::uint64_t block, std::uint64_t behind) const {
    if (layout != kPlain && layout != kInline) {
      reject("has compressed or chunked files, which are not supported");
    }
    const std::uint64_t tail = layout == kInline ? inode.size % kBlock : 0;
    const std::uint64_t whole = inode.size - tail;
    const std::uint64_t first = block * kBlock;
    check(whole == 0 || (first <= size_ && whole <= size_ - first));
    check(tail == 0 || (behind <= size_ && tail <= size_ - behind));
    if (whole != 0) {
      inode.extents.push_back({first, whole});
    }
    if (tail != 0) {
      inode.extents.push_back({behind, tail});
    }
  }

  std::string text(const Inode& inode, std::uint64_t most) const {
    check(inode.size <= most);
    return read_all(FileExtents(image_, inode.extents), most, image_->name);
  }

  void add(std::uint64_t number, const std::string& path) {
    budget_.take_name();
    if (const auto known = paths_.find(number); known != paths_.end()) {
      tree_.link(path, known->second);
      return;
    }
    Inode found = inode(number);
    FileNode& file = found.file;
    switch (found.type) {
      case S_IFREG:
        budget_.take(found.size);
        file.kind = FileKind::regular;
        file.content = std::make_shared<FileExtents>(image_, found.extents);
        break;
      case S_IFLNK:
        file.kind = FileKind::symlink;
        file.target = text(found, kLongestTarget);
        break;
      case S_IFDIR:
        file.kind = FileKind::directory;
        break;
      case S_IFIFO:
        file.kind = FileKind::fifo;
        break;
      default:
        return;
    }
    tree_.put(path, std::move(file));
    paths_.emplace(number, path);
    if (found.type == S_IFDIR) {
      add_children(text(found, kLargestDirectory), path);
    }
  }

  void add_children(std::string_view data, const std::string& path) {
    for (; !data.empty(); data.remove_prefix(std::min<std::size_t>(kBlock, data.size()))) {
      const std::string_view block = data.substr(0, kBlock);
      const auto bytes = std::as_bytes(std::span(block));
      check(block.size() >= kDirent);
      const std::size_t count = load<std::uint16_t>(bytes, 8) / kDirent;
      check(count > 0 && count * kDirent <= block.size());
      for (std::size_t i = 0; i < count; ++i) {
        const auto entry = bytes.subspan(i * kDirent);
        const std::size_t begin = load<std::uint16_t>(entry, 8);
        const std::size_t end =
            i + 1 < count ? load<std::uint16_t>(entry, kDirent + 8) : block.size();
        check(count * kDirent <= begin && begin < end && end <= block.size());
        std::string_view name = block.substr(begin, end - begin);
        name = name.substr(0, name.find('\0'));
        check(!name.empty() && name.find('/') == std::string_view::npos);
        if (name != "." && name != "..") {
          add(load<std::uint64_t>(entry, 0), fmt::format("{}/{}", path, name));
        }
      }
    }
  }

  std::shared_ptr<const OpenFile> image_;
  std::uint64_t size_;
  FileTree& tree_;
  Budget& budget_;
  std::uint64_t metadata_ = 0;
  std::int64_t built_ = 0;
  // The first path of each inode.
  std::unordered_map<std::uint64_t, std::string> paths_;
};

}  // namespace

void read_erofs(const std::filesystem::path& image, FileTree& tree, Budget& budget) {
  auto file =
      std::make_shared<const OpenFile>(OpenFile{image.string(), tools::open_file(image, O_RDONLY)});
  struct stat status {};
  if (::fstat(file->fd.get(), &status) != 0 || !S_ISREG(status.st_mode)) {
    throw tools::Failure(fmt::format("{}: not a regular file", image.string()));
  }
  ErofsReader(std::move(file), static_cast<std::uint64_t>(status.st_size), tree, budget).read();
}

}  // namespace faasnap::cli
