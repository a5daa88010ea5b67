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

// Lets the host look at guest memory that may be impossible to have: pages that come from a file,
// which somebody may cut short, from a disk, which may fail, or from a fault handler. A plain touch
// of such a page kills the process (SIGBUS); asked for here first, it is an answer.
//
// A page that was let through once has become private memory of this process, and from then on
// costs a bit test. Where it lies in a mapping of a file it still goes away when the file is cut
// short before it (mmap(2)), which is what `intact` is for: it is asked before every access.
// Between the answer and the touch remains a moment in which a file may be cut short.
//
// Safe from any thread.
class PageGuard {
 public:
  struct Callbacks {
    // Whether every file that is mapped is as long as it was. Empty: none is mapped. Must not
    // throw.
    std::function<bool()> intact{};
    // Told, on the thread that asked, of pages that cannot be had; of no pages when it is a file
    // that is not intact. Must not throw.
    std::function<void(PageRange pages, const std::string& reason)> refused{};
  };

  // `host` is guest memory from page 0 on, and must outlive this. Throws ErrorKind::unsupported
  // where the kernel cannot bring pages in on request (MADV_POPULATE_WRITE, Linux 5.14).
  PageGuard(std::span<std::byte> host, Callbacks callbacks);

  // Brings `pages` in, waiting for disk or fault handler. False: they must not be touched.
  bool admit(PageRange pages) const noexcept;
  // Whether what was admitted can still be touched. Tells when not, as admit does.
  bool holds() const noexcept;
  // These are about to be given back to the kernel: they need to be brought in again.
  void forget(PageRange pages) const noexcept;
  // From now on nothing is admitted. For a fault handler that has failed: it lets accesses go that
  // wait for it, and what they find is not the guest's data.
  void close() noexcept { closed_ = true; }

 private:
  bool is_admitted(std::uint64_t page) const noexcept;
  bool populate(PageRange pages) const noexcept;
  bool refuse(PageRange pages, const char* reason) const noexcept;

  std::span<std::byte> host_;
  Callbacks callbacks_;
  std::atomic<bool> closed_{false};
  // A bit for each page that was admitted.
  mutable std::vector<std::atomic<std::uint64_t>> admitted_;
};

}  // namespace faasnap::memory
