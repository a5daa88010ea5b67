#include "paging/userfault/fault_server.h"

#include <poll.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/clock.h"
#include "base/error.h"
#include "base/thread.h"
#include "paging/userfault/page_lookup.h"

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

}  // namespace

FaultServer::FaultServer(const RestorePlan& plan, std::vector<PageRange> watched,
                         const SnapshotFiles& files, const Userfault& faults,
                         const base::EventFd& wake, StreamLoader* loader, AccessLog* log,
                         FailureLatch& failure, const InstallTuning& tuning)
    : nonzero_(plan.handled()->nonzero),
      watched_(std::move(watched)),
      singly_(answers_singly(plan)),
      faults_(faults),
      wake_(wake),
      loader_(loader),
      log_(log),
      failure_(failure),
      tuning_(checked(tuning)),
      file_(files.memory),
      zeros_(base::Mapping::anonymous({tuning.miss_zero_pages * kPageSize})),
      buffers_({tuning.miss_pages * kPageSize}, tuning.misses),
      requests_(tuning.misses),
      ring_(std::make_unique<uring::Ring>(tuning.misses)) {
  for (unsigned buffer = tuning_.misses; buffer > 0; --buffer) {
    free_buffers_.push_back(buffer - 1);
  }
  ring_->register_event(wake_);
  thread_ = base::start_thread("faasnap-faults", [this] { run(); });
}

FaultServer::~FaultServer() {
  stopping_ = true;
  wake_.signal();
  thread_.join();
}

void FaultServer::run() noexcept {
  try {
    serve();
  } catch (...) {
    failure_.report(std::current_exception());
  }
  ring_.reset();  // waits for the reads that are under way
}

void FaultServer::serve() {
  for (;;) {
    if (tuning_.before_step) {
      tuning_.before_step();
    }
    wake_.drain();  // before looking at what may have been signalled
    if (stopping_ || failure_.failed()) {
      return;
    }
    bool worked = answer_faults();
    worked |=
        ring_->for_each_completion([this](const uring::Completion& done) { complete(done); }) != 0;
    start_reads();
    worked = worked || (loader_ != nullptr && loader_->help());
    if (!worked) {
      wait_for_events();
    }
  }
}

void FaultServer::wait_for_events() const {
  std::array<pollfd, 2> watched = {{{faults_.get(), POLLIN, 0}, {wake_.get(), POLLIN, 0}}};
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

void FaultServer::answer(const PageFault& fault) {
  const bool stored = run_with(nonzero_, fault.page).has_value();
  const auto state = loader_ != nullptr ? loader_->state_of(fault.page) : std::nullopt;
  if (log_ != nullptr && !state) {
    log_->note({.page = fault.page,
                .time = base::monotonic_now(),
                .write = fault.write,
                .zero = !stored,
                .missed = loader_ != nullptr});
  }
  if (state == PartState::installed) {
    // The guest had it and has given it back since: it is empty. If it is there after all, the
    // fault is one that was answered while its message was on the way.
    install_zeros(fault, {fault.page, 1});
  } else if (state && *state != PartState::waiting) {
    // The loader installs it next, and that wakes whoever waits.
  } else if (!stored) {
    install_zeros(fault, {fault.page, 1});
    if (!singly_) {
      install_zeros_around(fault);
    }
  } else if (!under_way(fault.page)) {
    backlog_.push_back(fault.page);
  }
}

void FaultServer::install_zeros(const PageFault& fault, PageRange pages) const {
  // What is written soon is better copied now than shared first.
  const std::uint64_t installed =
      fault.write ? faults_.copy(pages, zeros_.data()) : faults_.share_zeros(pages);
  if (installed < pages.count) {
    faults_.wake({fault.page, 1});
  }
}

// A guest that takes one free page takes others near it next, and has many single ones.
void FaultServer::install_zeros_around(const PageFault& fault) const {
  const PageRange watched = *run_with(watched_, fault.page);
  for_each_run(
      block_around(fault.page, tuning_.miss_zero_pages, watched),
      [&](PageIndex page) {
        return page != fault.page && !run_with(nonzero_, page) && is_lacking(page);
      },
      [&](PageRange pages) { install_zeros(fault, pages); });
}

// Whether the loader neither brings the page nor has it at hand.
bool FaultServer::is_lacking(PageIndex page) const {
  const auto state = loader_ != nullptr ? loader_->state_of(page) : std::nullopt;
  return !state || *state == PartState::waiting || *state == PartState::reading;
}

bool FaultServer::under_way(PageIndex page) const {
  const auto reads_it = [&](const std::optional<Request>& request) {
    return request && request->pages.first <= page && page < request->pages.end();
  };
  return std::any_of(requests_.begin(), requests_.end(), reads_it) ||
         std::find(backlog_.begin(), backlog_.end(), page) != backlog_.end();
}

void FaultServer::start_reads() {
  if (backlog_.empty()) {
    return;
  }
  while (!backlog_.empty() && !free_buffers_.empty()) {
    const unsigned buffer = free_buffers_.back();
    free_buffers_.pop_back();
    requests_[buffer] = Request{to_read_for(backlog_.front()), {}};
    backlog_.pop_front();
    queue_read(buffer);
  }
  ring_->submit();
}

// Where neighbours may come along, holes between them are read as the zeros that they are.
PageRange FaultServer::to_read_for(PageIndex page) const {
  return singly_ ? PageRange{page, 1}
                 : block_around(page, tuning_.miss_pages, *run_with(watched_, page));
}

void FaultServer::queue_read(unsigned buffer) {
  const Request& request = *requests_[buffer];
  const Bytes rest = request.pages.size() - request.done;
  // There is room: the ring holds as many requests as there are buffers.
  if (!ring_->prepare_read(file_.fd(), buffers_[buffer].subspan(request.done.value, rest.value),
                           (request.pages.first.offset() + request.done).value, buffer)) {
    base::fail(ErrorKind::internal, "read missed pages", {}, "the io_uring ring is full");
  }
}

void FaultServer::complete(const uring::Completion& completion) {
  const auto buffer = static_cast<unsigned>(completion.user_data);
  Request& request = *requests_[buffer];
  const PageRange pages = request.pages;
  request.done += check_read(completion.result, file_.ref(), pages.end().offset());
  if (request.done < pages.size()) {
    queue_read(buffer);
    ring_->submit();
    return;
  }
  install(request, buffers_[buffer].data());
  requests_[buffer].reset();
  free_buffers_.push_back(buffer);
}

void FaultServer::install(const Request& request, const std::byte* data) const {
  const PageRange all = request.pages;
  for_each_run(
      all, [&](PageIndex page) { return is_lacking(page); },
      [&](PageRange pages) { copy(pages, data + (pages.first - all.first) * kPageSize); });
}

void FaultServer::copy(PageRange pages, const std::byte* data) const {
  if (faults_.copy(pages, data) < pages.count) {
    faults_.wake(pages);
  }
}

}  // namespace faasnap::paging
