// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <optional>
#include <string>
#include <vector>

#include <faasnap/restore_plan.h>
#include <faasnap/units.h>

#include "paging/snapshot_files.h"

namespace faasnap::paging {

// Checks whether the files that guest memory comes from are still what a plan needs. Safe from any
// thread; the descriptors behind `files` must stay open.
class BackingCheck {
 public:
  // Throws ErrorKind::corrupt if a file ends before the plan does.
  BackingCheck(const RestorePlan& plan, const SnapshotFiles& files);

  // True if every mapped file is long enough for its mappings. Takes a system call for each file.
  bool intact() const noexcept;
  // Throws ErrorKind::corrupt if a file has been written to since this object was made.
  void require_unchanged() const;
  // Returns what is wrong with the first file that is too short or cannot be read, and names it;
  // empty if nothing is found. Reads what the plan needs, for a second at most.
  std::string diagnose() const;

 private:
  // The parts of one file that a plan needs.
  struct Needed {
    FileRef file;
    Nanoseconds written{0};  // its time of modification
    Bytes size;
    bool mapped = false;
    // In the plan's order.
    struct Extent {
      Bytes offset;
      Bytes length;
    };
    std::vector<Extent> extents;
  };

  void need(const FileRef* file, Bytes offset, Bytes length, bool mapped);
  // Returns why the file cannot be used; nothing if it is long enough.
  static std::optional<std::string> shortage(const Needed& needed);

  std::vector<Needed> needed_;
};

}  // namespace faasnap::paging
