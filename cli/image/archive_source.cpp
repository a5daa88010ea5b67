// SPDX-License-Identifier: Apache-2.0

#include "image/archive_source.h"

#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <exception>

#include "output/line_text.h"
#include "tools/failure.h"

namespace faasnap::cli {
namespace {

constexpr std::size_t kArchivePiece = 1 << 18;
constexpr std::string_view kWhiteout = ".wh.";
constexpr std::string_view kOpaque = ".wh..wh..opq";

// What libarchive reads from. An exception waits until libarchive, which is C, has returned.
class ArchiveInput {
 public:
  explicit ArchiveInput(const ByteSource& source) : source_(source), piece_(kArchivePiece) {}

  void rethrow() const {
    if (failure_) {
      std::rethrow_exception(failure_);
    }
  }

  static la_ssize_t read(archive* archive, void* self, const void** bytes) {
    return static_cast<ArchiveInput*>(self)->read_piece(archive, bytes);
  }

  static la_int64_t skip(archive*, void* self, la_int64_t bytes) {
    auto* input = static_cast<ArchiveInput*>(self);
    const auto step = std::min(static_cast<std::uint64_t>(bytes), input->left());
    input->at_ += step;
    return static_cast<la_int64_t>(step);
  }

  static la_int64_t seek(archive*, void* self, la_int64_t offset, int whence) {
    auto* input = static_cast<ArchiveInput*>(self);
    const std::uint64_t size = input->source_.size();
    const auto from = static_cast<la_int64_t>(whence == SEEK_SET   ? 0
                                              : whence == SEEK_CUR ? input->at_
                                                                   : size);
    const la_int64_t to = from + offset;
    if (to < 0 || static_cast<std::uint64_t>(to) > size) {
      return ARCHIVE_FATAL;
    }
    input->at_ = static_cast<std::uint64_t>(to);
    return to;
  }

 private:
  std::uint64_t left() const { return source_.size() - at_; }

  la_ssize_t read_piece(archive* archive, const void** bytes) {
    const std::size_t size =
        static_cast<std::size_t>(std::min<std::uint64_t>(piece_.size(), left()));
    try {
      source_.read(at_, std::span(piece_).first(size));
    } catch (...) {
      failure_ = std::current_exception();
      ::archive_set_error(archive, EIO, "cannot be read");
      return -1;
    }
    at_ += size;
    *bytes = piece_.data();
    return static_cast<la_ssize_t>(size);
  }

  const ByteSource& source_;
  std::vector<std::byte> piece_;
  std::uint64_t at_ = 0;
  std::exception_ptr failure_;
};

class ArchiveReader {
 public:
  ArchiveReader(const ByteSource& source, ArchiveKind kind)
      : kind_(kind), input_(source), archive_(::archive_read_new(), ::archive_read_free) {
    archive* const in = archive_.get();
    // None of these runs a program.
    ::archive_read_support_filter_gzip(in);
    ::archive_read_support_filter_bzip2(in);
    ::archive_read_support_filter_xz(in);
    ::archive_read_support_filter_zstd(in);
    if (kind == ArchiveKind::zip) {
      ::archive_read_support_format_zip_seekable(in);
    } else {
      ::archive_read_support_format_tar(in);
    }
    ::archive_read_set_read_callback(in, ArchiveInput::read);
    ::archive_read_set_skip_callback(in, ArchiveInput::skip);
    ::archive_read_set_seek_callback(in, ArchiveInput::seek);
    ::archive_read_set_callback_data(in, &input_);
    check(::archive_read_open1(in));
  }

  void read(FileTree& tree, Spool& spool, Budget& budget) {
    archive_entry* entry = nullptr;
    bool any = false;
    while (next(&entry)) {
      any = true;
      budget.take_name();
      add(entry, tree, spool, budget);
    }
    if (!any) {
      reject("has no files");
    }
  }

 private:
  [[noreturn]] static void reject(const std::string& reason) { throw tools::Failure(reason); }

  void check(int result) const {
    if (result < ARCHIVE_WARN) {
      input_.rethrow();
      const char* text = ::archive_error_string(archive_.get());
      reject(fmt::format(
          "{}: {}",
          ::archive_file_count(archive_.get()) == 0 ? "is not an archive" : "cannot be unpacked",
          line_text(text != nullptr ? text : "unknown")));
    }
  }

  bool next(archive_entry** entry) {
    int result = ARCHIVE_RETRY;
    while (result == ARCHIVE_RETRY) {
      result = ::archive_read_next_header(archive_.get(), entry);
    }
    if (result == ARCHIVE_EOF) {
      return false;
    }
    check(result);
    return true;
  }

  void add(archive_entry* entry, FileTree& tree, Spool& spool, Budget& budget) {
    const char* name = ::archive_entry_pathname(entry);
    if (name == nullptr || *name == '\0') {
      reject("has a file without a name");
    }
    if (kind_ == ArchiveKind::zip && *name == '/') {
      reject(
          fmt::format("{} is an absolute name, which leads out of the archive", line_text(name)));
    }
    add(entry, checked_path(name), tree, spool, budget);
  }

  void add(archive_entry* entry, const std::string& path, FileTree& tree, Spool& spool,
           Budget& budget) {
    if (kind_ == ArchiveKind::layer && hide(path, tree)) {
      return;
    }
    if (const char* target = ::archive_entry_hardlink(entry)) {
      tree.link(path, checked_path(target));
      return;
    }
    FileNode file;
    file.permissions = ::archive_entry_perm(entry) & 07777;
    file.uid = owner(::archive_entry_uid(entry), path);
    file.gid = owner(::archive_entry_gid(entry), path);
    file.modified = ::archive_entry_mtime(entry);
    switch (::archive_entry_filetype(entry)) {
      case AE_IFREG:
        file.content = unpack(entry, path, spool, budget);
        break;
      case AE_IFDIR:
        file.kind = FileKind::directory;
        break;
      case AE_IFLNK:
        file.kind = FileKind::symlink;
        file.target = target_of(entry, path);
        break;
      case AE_IFIFO:
        file.kind = FileKind::fifo;
        break;
      default:
        if (path.starts_with("dev/")) {
          return;
        }
        reject(fmt::format("{} is a device, which an image has in /dev only", line_text(path)));
    }
    tree.put(path, std::move(file));
  }

  // Returns true if the name is a whiteout, and does what it says.
  static bool hide(const std::string& path, FileTree& tree) {
    const auto slash = path.rfind('/');
    const std::string directory = slash == std::string::npos ? "" : path.substr(0, slash + 1);
    const std::string_view name = std::string_view(path).substr(directory.size());
    if (name == kOpaque) {
      tree.clear(directory);
    } else if (name.starts_with(kWhiteout)) {
      tree.hide(directory + std::string(name.substr(kWhiteout.size())));
    }
    return name.starts_with(kWhiteout);
  }

  static std::uint32_t owner(la_int64_t id, const std::string& path) {
    if (id < 0 || id >= 0xffffffff) {
      reject(fmt::format("{} has the owner {}, which no file can have", line_text(path), id));
    }
    return static_cast<std::uint32_t>(id);
  }

  static std::string target_of(archive_entry* entry, const std::string& path) {
    const char* target = ::archive_entry_symlink(entry);
    if (target == nullptr || *target == '\0' || std::string_view(target).size() > 4095) {
      reject(
          fmt::format("{} is a symbolic link without a target that one can have", line_text(path)));
    }
    return target;
  }

  std::shared_ptr<const ByteSource> unpack(archive_entry* entry, const std::string& path,
                                           Spool& spool, Budget& budget) {
    if (::archive_entry_is_encrypted(entry) != 0) {
      reject(fmt::format("{} is encrypted", line_text(path)));
    }
    std::array<std::byte, kArchivePiece / 4> piece;
    for (;;) {
      const la_ssize_t got = ::archive_read_data(archive_.get(), piece.data(), piece.size());
      check(static_cast<int>(std::min<la_ssize_t>(got, 0)));
      if (got <= 0) {
        return spool.finish();
      }
      budget.take(static_cast<std::uint64_t>(got));
      spool.write(std::span(piece).first(static_cast<std::size_t>(got)));
    }
  }

  ArchiveKind kind_;
  ArchiveInput input_;
  std::unique_ptr<archive, int (*)(archive*)> archive_;
};

}  // namespace

void read_archive(const ByteSource& archive, const std::string& name, ArchiveKind kind,
                  FileTree& tree, Spool& spool, Budget& budget) {
  try {
    ArchiveReader(archive, kind).read(tree, spool, budget);
  } catch (const tools::Failure& failure) {
    throw tools::Failure(fmt::format("{}: {}", line_text(name), failure.what()));
  }
}

bool is_zip(const ByteSource& archive) {
  std::array<std::byte, 4> begin{};
  if (archive.size() < begin.size()) {
    return false;
  }
  archive.read(0, begin);
  const std::string_view text(reinterpret_cast<const char*>(begin.data()), begin.size());
  // An archive without files begins with its end.
  return text == "PK\3\4" || text == "PK\5\6";
}

}  // namespace faasnap::cli
