#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "base/error.h"
#include "base/file.h"

namespace faasnap::base {
namespace {

constexpr std::uint64_t kBufferSize = 1 << 20;

// Where data (SEEK_DATA) or a hole (SEEK_HOLE) begins at or behind `offset`; `end` when there is
// none before it.
std::uint64_t seek(const UniqueFd& fd, const std::filesystem::path& path, std::uint64_t offset,
                   int what, std::uint64_t end) {
  const off_t found = ::lseek(fd.get(), static_cast<off_t>(offset), what);
  if (found < 0) {
    if (errno == ENXIO) {
      return end;
    }
    fail_errno("seek", path);
  }
  return std::min(static_cast<std::uint64_t>(found), end);
}

}  // namespace

void copy_sparse(const UniqueFd& source, const std::filesystem::path& source_path,
                 const UniqueFd& target, const std::filesystem::path& target_path,
                 const Progress& progress) {
  const std::uint64_t size = file_size(source, source_path).value;
  const auto report = [&](std::uint64_t done) {
    if (progress && !progress({done}, {size})) {
      fail(ErrorKind::cancelled, "copy", source_path, "stopped by the caller");
    }
  };
  if (::ioctl(target.get(), FICLONE, source.get()) == 0) {
    return report(size);
  }
  if (::ftruncate(target.get(), static_cast<off_t>(size)) != 0) {
    fail_errno("truncate", target_path);
  }
  std::vector<std::byte> buffer(std::min(size, kBufferSize));
  for (std::uint64_t at = 0; (at = seek(source, source_path, at, SEEK_DATA, size)) < size;) {
    const std::uint64_t data_end = seek(source, source_path, at, SEEK_HOLE, size);
    while (at < data_end) {
      const std::span piece(buffer.data(), std::min<std::uint64_t>(buffer.size(), data_end - at));
      read_exact(source, piece, at, source_path);
      write_exact(target, piece, at, target_path);
      at += piece.size();
      report(at);
    }
  }
}

}  // namespace faasnap::base
