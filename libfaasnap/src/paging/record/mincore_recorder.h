// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <exception>
#include <thread>
#include <vector>

#include <faasnap/page_access.h>

#include "base/files/fd.h"
#include "paging/page_cache/residency.h"
#include "paging/snapshot_files.h"

namespace faasnap::paging {

// Host page recording (FaaSnap, section 4.4): a thread watches which pages of the memory file come
// into the page cache, and closes a group whenever their number has grown by `group_pages`: every
// group but the last is of that size, however fast the number grows.
//
// It polls, several times a millisecond while the number grows; pages that have come in between two
// looks are taken in order of address. Pages that are resident from the start come first. A page
// that comes in and is dropped again between two looks is missed.
class MincoreRecorder {
 public:
  // The file must outlive the recorder. Throws ErrorKind::unsupported for a file system that keeps
  // its files in memory, where residency says nothing about use, and ErrorKind::permission as
  // FileResidency does.
  MincoreRecorder(const FileRef& memory_file, Bytes memory, std::uint64_t group_pages);
  ~MincoreRecorder();
  MincoreRecorder(const MincoreRecorder&) = delete;
  MincoreRecorder& operator=(const MincoreRecorder&) = delete;

  // Stops the thread, looks once more and returns the groups, none of which is empty. Throws the
  // error that ended the recording, if one did. Call once.
  std::vector<PageGroup> finish();

 private:
  void watch();
  std::uint64_t resident_pages();
  void scan(bool thorough);
  void scan_stretch(PageRange pages);
  void close_full_groups();
  void stop() noexcept;

  FileRef file_;
  Bytes memory_;
  std::uint64_t group_pages_;
  FileResidency residency_;
  // Pages that have been seen resident, and how many of them lie in each stretch of the file.
  std::vector<bool> seen_;
  std::vector<std::uint64_t> seen_in_stretch_;
  std::uint64_t seen_total_ = 0;
  std::vector<PageGroup> groups_;
  // Pages that were seen and are in no group yet.
  std::vector<PageIndex> open_;
  std::exception_ptr failure_;
  base::EventFd stop_;
  std::thread thread_;
};

}  // namespace faasnap::paging
