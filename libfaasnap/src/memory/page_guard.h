// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include <faasnap/units.h>

namespace faasnap::memory {

// Lets the host access guest memory that may be unavailable: its pages come from a file, which may
// be truncated, from a disk, which may fail, or from a fault handler. Touching an unavailable page
// kills the process (SIGBUS); the guard brings pages in first and reports a failure instead.
//
// A page that was admitted once is private memory of this process, and admitting 64 of them again
// costs the test of a word. If it lies in a file mapping, it still goes away when the file is
// truncated below it (mmap(2)), so `intact` is asked before every access. Between that answer and
// the access a file may still be truncated.
//
// Safe to use from any thread.
class PageGuard {
 public:
  struct Callbacks {
    // Returns true if every mapped file still has its length. Empty if no file is mapped. Must not
    // throw.
    std::function<bool()> intact{};
    // Called, on the thread that asked, with pages that are unavailable, or with no pages if a file
    // is not intact. Must not throw.
    std::function<void(PageRange pages, const std::string& reason)> refused{};
  };

  // `host` is guest memory from page 0 on, and must outlive the guard. Throws
  // ErrorKind::unsupported if the kernel lacks MADV_POPULATE_WRITE (Linux 5.14).
  PageGuard(std::span<std::byte> host, Callbacks callbacks);

  // Brings `pages` in, and waits for the disk or the fault handler. Returns false if they must not
  // be touched.
  bool admit(PageRange pages) const noexcept;
  // True if admitted pages can still be touched. Calls `refused` if not, as admit does.
  bool holds() const noexcept;
  // Must be called before `pages` are given back to the kernel: they must be admitted again.
  void forget(PageRange pages) const noexcept;
  // Reports pages that the caller has found unavailable by itself, as a failing admit does.
  void refuse(PageRange pages, const char* reason) const noexcept;
  // Makes every later admit fail. For a fault handler that has failed: the accesses that it wakes
  // do not find the guest's data.
  void close() noexcept { closed_ = true; }

 private:
  // Returns the first of `pages` that is admitted, or is not; the end of them if there is none.
  PageIndex find(PageRange pages, bool admitted) const noexcept;
  bool populate(PageRange pages) const noexcept;

  std::span<std::byte> host_;
  Callbacks callbacks_;
  std::atomic<bool> closed_{false};
  // One bit for each page, set if it was admitted.
  mutable std::vector<std::atomic<std::uint64_t>> admitted_;
};

}  // namespace faasnap::memory
