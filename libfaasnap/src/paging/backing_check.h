#pragma once

#include <optional>
#include <string>
#include <vector>

#include <faasnap/restore_plan.h>

#include "paging/snapshot_files.h"

namespace faasnap::paging {

// Whether the files that guest memory comes from are still what a plan needs. Safe from any thread;
// the descriptors behind `files` must stay open.
class BackingCheck {
 public:
  // Throws ErrorKind::corrupt for a file that ends before the plan does.
  BackingCheck(const RestorePlan& plan, const SnapshotFiles& files);

  // Whether every file that is mapped is long enough for its mappings: a system call for each.
  bool intact() const noexcept;
  // What is wrong, naming the file: the first that is too short, or whose data cannot be read.
  // Reads what the plan needs of them for a second at most. Empty when nothing is found.
  std::string diagnose() const;

 private:
  // What a plan needs of one file.
  struct Needed {
    FileRef file;
    Bytes size;
    bool mapped = false;
    // In the order of the plan.
    struct Extent {
      Bytes offset;
      Bytes length;
    };
    std::vector<Extent> extents;
  };

  void need(const SnapshotFiles& files, Backing backing, Bytes offset, Bytes length, bool mapped);
  // Why the file is of no use; nothing when it is long enough.
  static std::optional<std::string> shortage(const Needed& needed);

  std::vector<Needed> needed_;
};

}  // namespace faasnap::paging
