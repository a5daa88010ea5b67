// SPDX-License-Identifier: Apache-2.0

#include "paging/userfault/fault_server.h"

#include <poll.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/clock.h"
#include "base/error.h"
#include "base/threads/thread.h"

namespace faasnap::paging {
namespace {

// The pages of `run` that share an aligned block of `block` pages with `page`.
PageRange block_around(PageIndex page, std::uint64_t block, PageRange run) {
  const PageIndex begin{page.value / block * block};
  const PageIndex first = std::max(begin, run.first);
  return {first, std::min(begin + block, run.end()) - first};
}

// Calls use(run) for each run of the pages of `block` that are `wanted`.
template <typename Wanted, typename Use>
void for_each_run(PageRange block, Wanted wanted, Use use) {
  for (PageIndex page = block.first; page < block.end();) {
    const PageIndex first = page;
    while (page < block.end() && wanted(page)) {
      page = page + 1;
    }
    if (first < page) {
      use(PageRange{first, page - first});
    } else {
      page = page + 1;
    }
  }
}

std::vector<DirectFile> open_images(const SnapshotFiles& files) {
  std::vector<DirectFile> images;
  images.emplace_back(files.memory);
  for (const FileRef& base : files.bases) {
    images.emplace_back(base);
  }
  return images;
}

}  // namespace

FaultServer::FaultServer(const HandledPages& handled, const SnapshotFiles& files,
                         const Userfault& faults, LoadProgress& progress, StreamLoader* helped,
                         AccessLog* log, FailureLatch& failure, const InstallTuning& tuning)
    : handled_(handled),
      faults_(faults),
      progress_(progress),
      helped_(helped),
      log_(log),
      failure_(failure),
      tuning_(checked(tuning)),
      files_(open_images(files)),
      zeros_(base::Mapping::anonymous({tuning.miss_zero_pages * kPageSize})),
      reads_(tuning.misses, {tuning.miss_pages * kPageSize}),
      reading_(tuning.misses) {
  reads_.signal(progress_.helper());
  thread_ = base::start_thread("faasnap-faults", [this] { run(); });
}

FaultServer::~FaultServer() {
  stopping_ = true;
  progress_.helper().signal();
  thread_.join();
}

void FaultServer::run() noexcept {
  try {
    serve();
  } catch (...) {
    failure_.report(std::current_exception());
  }
  reads_.close();
}

void FaultServer::serve() {
  for (;;) {
    if (tuning_.before_step) {
      tuning_.before_step();
    }
    progress_.helper().drain();  // before looking at what may have been signalled
    if (stopping_ || failure_.failed()) {
      return;
    }
    bool worked = answer_faults();
    answer_deferred();
    worked |= reads_.take_ended([this](unsigned slot) {
      install(reading_[slot], reads_.buffer(slot).data());
      reading_[slot] = {};
    });
    start_reads();
    worked = worked || (helped_ != nullptr && helped_->help());
    if (!worked) {
      wait_for_events();
    }
  }
}

void FaultServer::wait_for_events() const {
  std::array<pollfd, 2> watched = {
      {{faults_.get(), POLLIN, 0}, {progress_.helper().get(), POLLIN, 0}}};
  if (base::retry_eintr([&] { return ::poll(watched.data(), watched.size(), -1); }) < 0) {
    base::fail_errno("wait for page faults");
  }
}

bool FaultServer::answer_faults() {
  std::array<PageFault, 16> faults;
  const std::size_t count = faults_.take(faults);
  for (std::size_t i = 0; i < count; ++i) {
    ++taken_;
    answer(faults[i]);
  }
  return count != 0;
}

void FaultServer::answer_deferred() {
  for (const PageFault& fault : std::exchange(deferred_, {})) {
    answer(fault);
  }
}

void FaultServer::answer(const PageFault& fault) {
  const bool stored = handled_.nonzero.contains(fault.page);
  const auto state = progress_.state_of(fault.page);
  if (log_ != nullptr && !state) {
    log_->note({.page = fault.page,
                .time = base::monotonic_now(),
                .write = fault.write,
                .zero = !stored,
                .missed = helped_ != nullptr});
  }
  if (state == PartState::installed) {
    // The guest had the page and has given it back since, so it is empty. If it is present after
    // all, the fault was answered while its message was on the way.
    install_zeros(fault, {fault.page, 1});
  } else if (state == PartState::installing) {
    // The page comes next, which wakes the guest, unless the installer has passed it already and
    // the guest has given it back since.
    if (progress_.await_finish(fault.page)) {
      deferred_.push_back(fault);
    } else {
      install_zeros(fault, {fault.page, 1});
    }
  } else if (state && *state != PartState::waiting) {
    // The loader installs the page later, which wakes the guest.
  } else if (!stored) {
    install_zeros(fault, {fault.page, 1});
    if (!handled_.singly) {
      install_zeros_around(fault);
    }
  } else if (!under_way(fault.page)) {
    backlog_.push_back(fault.page);
  }
}

void FaultServer::install_zeros(const PageFault& fault, PageRange pages) const {
  // A page that is written now is better copied at once than shared first.
  const std::uint64_t installed =
      fault.write ? faults_.copy(pages, zeros_.data()) : faults_.share_zeros(pages);
  if (installed < pages.count) {
    faults_.wake({fault.page, 1});
  }
}

// A guest that takes one free page takes others near it next, and has many single ones.
void FaultServer::install_zeros_around(const PageFault& fault) const {
  const PageRange watched = watched_run(fault.page);
  for_each_run(
      block_around(fault.page, tuning_.miss_zero_pages, watched),
      [&](PageIndex page) {
        return page != fault.page && !handled_.nonzero.contains(page) && is_lacking(page);
      },
      [&](PageRange pages) { install_zeros(fault, pages); });
}

// Returns the watched run of a page that faulted, and so is watched.
PageRange FaultServer::watched_run(PageIndex page) const {
  return handled_.watched.run_of(page).value();
}

// True if the loader neither brings the page nor has it in a buffer.
bool FaultServer::is_lacking(PageIndex page) const {
  const auto state = progress_.state_of(page);
  return !state || *state == PartState::waiting || *state == PartState::reading;
}

bool FaultServer::under_way(PageIndex page) const {
  const auto brings_page = [&](const Read& read) {
    return read.pages.first <= page && page < read.pages.end() && is_in(page, read.layer);
  };
  return std::ranges::any_of(reading_, brings_page) || std::ranges::count(backlog_, page) != 0;
}

void FaultServer::start_reads() {
  while (!backlog_.empty()) {
    const auto slot = reads_.free_slot();
    if (!slot) {
      break;
    }
    const PageIndex page = backlog_.front();
    backlog_.pop_front();
    const Read read{to_read_for(page), layer_of(page)};
    reading_[*slot] = read;
    reads_.read(*slot, files_[read.layer].ref(), read.pages.first.offset(), read.pages.size());
  }
  reads_.submit();
}

// Where neighbours may come along, holes between them are read as the zeros that they are.
PageRange FaultServer::to_read_for(PageIndex page) const {
  return handled_.singly ? PageRange{page, 1}
                         : block_around(page, tuning_.miss_pages, watched_run(page));
}

// Returns the layer that has the data of the page, or would have them.
std::uint32_t FaultServer::layer_of(PageIndex page) const {
  return handled_.based.layer_of(page).value_or(0);
}

// True if the layer's memory file has the content of the page. Where a zero page is concerned, only
// the snapshot's own is sure to have zeros.
bool FaultServer::is_in(PageIndex page, std::uint32_t layer) const {
  return layer_of(page) == layer;
}

void FaultServer::install(const Read& read, const std::byte* data) const {
  for_each_run(
      read.pages, [&](PageIndex page) { return is_in(page, read.layer) && is_lacking(page); },
      [&](PageRange pages) { copy(pages, data + (pages.first - read.pages.first) * kPageSize); });
}

void FaultServer::copy(PageRange pages, const std::byte* data) const {
  if (faults_.copy(pages, data) < pages.count) {
    faults_.wake(pages);
  }
}

}  // namespace faasnap::paging
