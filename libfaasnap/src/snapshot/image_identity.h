// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include <faasnap/progress.h>
#include <faasnap/snapshot_info.h>

#include "base/bytes.h"
#include "base/files/fd.h"
#include "snapshot/content_check.h"

namespace faasnap {

// Tells whether a file is the kernel, initramfs or root image that a snapshot was made with.

// A state of a file: while it stays the same, so does the content.
struct FileStamp {
  Bytes size{};
  Nanoseconds modified{0};
  std::uint64_t inode = 0;

  bool operator==(const FileStamp&) const = default;
};
FileStamp stamp_of(const base::UniqueFd& file, const std::filesystem::path& path);
FileStamp stamp_of(const FileIdentity& identity) noexcept;

// Reads the whole file and returns its identity, with the canonical path. Throws
// ErrorKind::corrupt if it is written to meanwhile.
FileIdentity identify_file(const std::filesystem::path& path, const Progress& progress = {});

// Compares sizes, then reads the whole file and compares the content. Returns the identity of the
// file as it is now. Throws ErrorKind::corrupt if it is another file, without a word of what the
// file is: whoever made the snapshot may not be allowed to read it. Calls `take`, if it is not
// empty, with the content.
FileIdentity verify_identity(const FileIdentity& expected, const Progress& progress = {},
                             const base::TakeBytes& take = {});

// Finds out for the restores of one snapshot whether a file is an image that it was made with.
// Safe from any thread.
class ImageCheck {
 public:
  // Returns the identity of the image as the file that is open as `file`. Throws
  // ErrorKind::invalid_argument unless that has the content that `expected` tells. Takes
  // microseconds if it is the file of `expected`, untouched or written to since, or if it is a copy
  // with the time of modification of the original. Any other copy is read whole, once.
  FileIdentity require_same(const FileIdentity& expected, const base::UniqueFd& file,
                            const std::filesystem::path& path) const;
  // Does the same by the content alone: the file is read whole, once, and given to `part`, which
  // throws if it is another one. `part` is called only where the file has to be read.
  FileIdentity require_content(const FileIdentity& expected, const base::UniqueFd& file,
                               const std::filesystem::path& path,
                               const std::function<std::unique_ptr<ContentPart>()>& part) const;

 private:
  // Does the same for a file that is not the one of `expected`.
  void require_copy(const FileIdentity& expected, const base::UniqueFd& file,
                    const std::filesystem::path& path) const;
  bool was_read(const FileStamp& stamp) const;
  void note_read(const FileStamp& stamp) const;

  mutable std::mutex mutex_;
  mutable std::vector<FileStamp> same_;  // of copies that were read whole
};

}  // namespace faasnap
