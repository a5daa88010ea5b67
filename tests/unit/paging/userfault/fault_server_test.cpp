// SPDX-License-Identifier: Apache-2.0

#include "paging/userfault/fault_server.h"

#include <sys/mman.h>
#include <catch2/catch_test_macros.hpp>

#include <atomic>
#include <chrono>
#include <future>
#include <optional>
#include <thread>

#include "paging/pager_fixture.h"

namespace faasnap::paging {
namespace {

using namespace std::chrono_literals;
using test::PagedImage;

TEST_CASE("a page that was given back while those that came with it are installed is empty") {
  const PagedImage image;
  const memory::GuestMemory guest(PagedImage::kMemory);
  const RestorePlan plan = image.stream();
  const HandledPages handled = handled_pages(plan, PagedImage::kMemory);
  const InstallTuning tuning;
  Userfault faults(guest.host());
  for (const PageRange& pages : handled.watched.runs()) {
    faults.watch(pages);
  }
  const auto progress = plan_progress(plan, handled, PagedImage::kMemory, tuning);
  FailureLatch failure({}, {});
  std::optional<FaultServer> server;
  std::future<std::byte> seen;
  LoaderCallbacks callbacks;
  // The guest gives back the first page that comes, and touches it again before the next one comes.
  callbacks.present = [&](PageRange pages) {
    if (seen.valid()) {
      return;
    }
    std::byte* const page = guest.host().data() + pages.first.offset().value;
    REQUIRE(::madvise(page, kPageSize, MADV_DONTNEED) == 0);
    seen =
        std::async(std::launch::async, [&guest, pages] { return test::touch(guest, pages.first); });
    while (server->faults() == 0) {
      std::this_thread::sleep_for(1ms);
    }
    std::this_thread::sleep_for(50ms);  // lets the server make up its mind
  };
  StreamLoader loader(*progress, {}, handled.unforeseen_zeros, guest.host(), image.files(), faults,
                      callbacks, tuning);
  server.emplace(handled, image.files(), faults, *progress, nullptr, nullptr, failure, tuning);
  loader.start();
  loader.wait();
  CHECK(seen.wait_for(30s) == std::future_status::ready);
  faults.release();
  CHECK(seen.get() == std::byte{0});
  CHECK_FALSE(failure.failed());
}

}  // namespace
}  // namespace faasnap::paging
