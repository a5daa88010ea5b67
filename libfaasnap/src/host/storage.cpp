// SPDX-License-Identifier: Apache-2.0

#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include <cstring>
#include <fstream>
#include <utility>
#include <vector>

#include <faasnap/snapshot_leftovers.h>

#include "base/error.h"
#include "base/text.h"
#include "host/checks.h"
#include "paging/page_cache/drop_probe.h"

namespace faasnap::host {
namespace {

// Space for a snapshot of the default 2 GiB guest, for the snapshot that is recorded from, and a
// margin.
constexpr Bytes kEnoughSpace = 5_GiB;

constexpr std::size_t kLongestPath = 200;

// A larger read-ahead brings in, and so records, pages that no function uses.
constexpr unsigned kLargestReadAheadKib = 128;

// Returns why pages of files in a file system of this kind cannot be dropped, or null if they can.
const char* unsuitable(decltype(std::declval<struct statfs>().f_type) type) {
  switch (static_cast<unsigned long>(type)) {
    case TMPFS_MAGIC:
    case RAMFS_MAGIC:
      return "keeps its files in memory: no start from it is cold";
    case OVERLAYFS_SUPER_MAGIC:
      return "is an overlay: the page cache belongs to the file systems below";
    default:
      return nullptr;
  }
}

}  // namespace

HostCheck check_file_system(const std::filesystem::path& directory) {
  HostCheck check{"file_system", false, "",
                  "keep snapshots on a disk file system such as ext4 or XFS"};
  struct statfs status {};
  if (::statfs(directory.c_str(), &status) != 0) {
    check.detail = fmt::format("{}: {}", directory.string(), std::strerror(errno));
    return check;
  }
  if (const char* reason = unsuitable(status.f_type)) {
    check.detail = fmt::format("{} {}", directory.string(), reason);
    return check;
  }
  try {
    const paging::DroppedPages pages = paging::try_dropping_pages(directory);
    check.ok = pages.good();
    check.detail =
        check.ok ? fmt::format("pages of files in {} can be seen and dropped", directory.string())
                 : fmt::format("{} pages of a file in {} are resident, {} after dropping them",
                               pages.before, directory.string(), pages.after);
  } catch (const Error& error) {
    check.detail = error.what();
    check.remedy = "choose a writable directory";
  }
  if (check.ok) {
    check.remedy.clear();
  }
  return check;
}

HostCheck check_free_space(const std::filesystem::path& directory) {
  struct statvfs status {};
  if (::statvfs(directory.c_str(), &status) != 0) {
    return {"free_space", false, fmt::format("{}: {}", directory.string(), std::strerror(errno)),
            "choose another directory"};
  }
  const Bytes free{static_cast<std::uint64_t>(status.f_bavail) * status.f_frsize};
  const auto gibibytes = [](Bytes bytes) {
    return static_cast<double>(bytes.value) / static_cast<double>((1_GiB).value);
  };
  const bool ok = free >= kEnoughSpace;
  return {
      "free_space", ok, fmt::format("{:.1f} GiB free in {}", gibibytes(free), directory.string()),
      ok ? ""
         : fmt::format("have {:.0f} GiB free to record a guest of 2 GiB", gibibytes(kEnoughSpace))};
}

HostCheck check_leftovers(const std::filesystem::path& directory) {
  HostCheck check{"leftovers", false, "", ""};
  try {
    const std::vector<Leftover> leftovers = find_leftovers(directory);
    Bytes size;
    for (const Leftover& leftover : leftovers) {
      size += leftover.size;
    }
    check.ok = leftovers.empty();
    check.detail = check.ok
                       ? fmt::format("killed processes have left nothing in {}", directory.string())
                       : fmt::format(
                             "killed processes have left {} that are not whole, {} MiB, the first "
                             "{}",
                             leftovers.size(), size.value >> 20,
                             base::printable(leftovers.front().path.string(), kLongestPath));
    check.remedy = check.ok ? "" : fmt::format("faasnap snapshot prune {}", directory.string());
  } catch (const Error& error) {
    check.detail = error.what();
    check.remedy = "choose a directory that this user can read";
  }
  return check;
}

HostCheck check_read_ahead(const std::filesystem::path& directory) {
  HostCheck check{"read_ahead", false, "", ""};
  struct stat status {};
  if (::stat(directory.c_str(), &status) != 0) {
    check.detail = fmt::format("{}: {}", directory.string(), std::strerror(errno));
    return check;
  }
  const auto setting =
      fmt::format("/sys/class/bdi/{}:{}/read_ahead_kb", major(status.st_dev), minor(status.st_dev));
  unsigned kibibytes = 0;
  if (!(std::ifstream(setting) >> kibibytes)) {
    check.detail = fmt::format("{}: cannot be read", setting);
    check.remedy = "none known: the file system does not report its read-ahead";
    return check;
  }
  check.ok = kibibytes != 0 && kibibytes <= kLargestReadAheadKib;
  check.detail = fmt::format("{} KiB", kibibytes);
  if (!check.ok) {
    check.remedy = fmt::format("echo {} > {}", kLargestReadAheadKib, setting);
  }
  return check;
}

}  // namespace faasnap::host
