// SPDX-License-Identifier: Apache-2.0

#include <fmt/format.h>
#include <catch2/catch_test_macros.hpp>

#include <atomic>
#include <chrono>
#include <future>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "base/files/file.h"
#include "format/page_set_file.h"
#include "paging/pager.h"
#include "paging/pager_fixture.h"

namespace faasnap::paging {
namespace {

using test::PagedImage;

// Listens to a pager: how often it failed, and why.
class Listener {
 public:
  PagerCallbacks callbacks() {
    return {.failed =
                [this](const std::string& reason) {
                  const std::lock_guard lock(mutex_);
                  reason_ = reason;
                  ++calls_;
                },
            .present = {}};
  }
  int calls() const noexcept { return calls_; }
  std::string reason() const {
    const std::lock_guard lock(mutex_);
    return reason_;
  }

 private:
  mutable std::mutex mutex_;
  std::string reason_;
  std::atomic<int> calls_{0};
};

void truncate(const test::PageFile& file, Bytes size) {
  REQUIRE(::ftruncate(file.fd().get(), static_cast<off_t>(size.value)) == 0);
}

// Plays a guest with several threads that touch every page until nothing is left, and reports how
// many pages came as zeros that have data, before anybody had been told of a failure.
std::uint64_t zeros_in_good_faith(const PagedImage& image, const memory::GuestMemory& guest,
                                  const Listener& listener) {
  std::atomic<std::uint64_t> wrong{0};
  std::vector<std::thread> threads;
  for (std::uint32_t i = 0; i < 3; ++i) {
    threads.emplace_back([&, i] {
      auto runs = image.nonzero();
      std::shuffle(runs.begin(), runs.end(), std::mt19937(i));
      for (const PageRange& run : runs) {
        const auto* seen =
            static_cast<volatile std::byte*>(guest.host().data()) + run.first.offset().value;
        // Every page of the image has data in its first byte.
        if (*seen != image.image()[run.first.offset().value] && listener.calls() == 0) {
          ++wrong;
        }
      }
    });
  }
  for (auto& thread : threads) {
    thread.join();
  }
  return wrong;
}

bool names(const std::string& text, const test::PageFile& file) {
  return text.find(file.ref().path.string()) != std::string::npos;
}

// A set file that ends early, whatever delivers it: told once, with the file, its length and what
// was expected; and whoever waits for a page goes on only then.
void check_truncated_set(const PagedImage& image, const RestorePlan& plan) {
  const memory::GuestMemory guest(PagedImage::kMemory);
  Listener listener;
  Pager pager(plan, guest, image.files(), listener.callbacks());
  pager.start();
  CHECK(zeros_in_good_faith(image, guest, listener) == 0);
  const Error error = test::error_of([&] { pager.wait(); });
  CHECK(error.kind() == ErrorKind::corrupt);
  CHECK(pager.failed());
  CHECK(listener.calls() == 1);
  CHECK(names(listener.reason(), image.set_file()));
  CHECK(listener.reason().find(std::to_string(image.set_file().size().value)) != std::string::npos);
}

TEST_CASE("a set file that ends early fails the loading of a stream before it shows zeros") {
  const PagedImage image;
  truncate(image.set_file(), image.set_file().size() - Bytes{5000});
  check_truncated_set(image, image.stream());
  truncate(image.set_file(), 20_KiB);
  check_truncated_set(image, image.stream());
}

TEST_CASE("a REAP set that ends early keeps the start from returning") {
  const PagedImage image;
  truncate(image.set_file(), image.set_file().size() - Bytes{5000});
  const memory::GuestMemory guest(PagedImage::kMemory);
  Listener listener;
  Pager pager(image.reap(), guest, image.files(), listener.callbacks());
  const Error error = test::error_of([&] { pager.start(); });
  CHECK(error.kind() == ErrorKind::corrupt);
  CHECK(names(error.path(), image.set_file()));
  CHECK(listener.calls() == 1);
  CHECK(pager.failed());
  CHECK(test::error_of([&] { pager.wait(); }).kind() == ErrorKind::corrupt);
}

TEST_CASE("a miss beyond the end of the memory file fails before it shows zeros") {
  const PagedImage image;
  for (const RestorePlan& plan : {image.stream(), image.reap(), image.recording()}) {
    const PageIndex last = image.nonzero().back().first;
    // Opened before, so that it is the length that is at fault and not the mapping of the test.
    const memory::GuestMemory guest(PagedImage::kMemory);
    Listener listener;
    Pager pager(plan, guest, image.files(), listener.callbacks());
    pager.start();
    truncate(image.memory_file(), last.offset());
    // The last run need not be in the set, but one after the cut is.
    std::byte seen{0xff};
    std::thread toucher([&] {
      for (PageIndex page = last; page < image.nonzero().back().end(); page = page + 1) {
        seen = *static_cast<volatile std::byte*>(guest.host().data() + page.offset().value);
      }
    });
    toucher.join();
    const bool in_set = std::any_of(image.set().begin(), image.set().end(), [&](PageRange pages) {
      return pages.first == last && pages.count == image.nonzero().back().count;
    });
    if (!in_set || plan.handled()->record == AccessRecording::all) {
      CHECK(pager.failed());
      CHECK(listener.calls() == 1);
      CHECK(names(listener.reason(), image.memory_file()));
      CHECK(test::error_of([&] { pager.wait(); }).kind() == ErrorKind::corrupt);
    }
    truncate(image.memory_file(), PagedImage::kMemory);
  }
}

TEST_CASE("an error of a read is told with its file, whoever reads") {
  const PagedImage image;
  const test::ScratchDirectory directory;
  const base::UniqueFd unreadable = base::open_file(directory.path(), O_RDONLY | O_DIRECTORY);
  const FileRef broken{&unreadable, directory.path()};
  for (const bool set : {true, false}) {
    SnapshotFiles files = image.files();
    (set ? files.stream_set : files.memory) = broken;
    const memory::GuestMemory guest(PagedImage::kMemory);
    Listener listener;
    Pager pager(image.stream(), guest, files, listener.callbacks());
    pager.start();
    CHECK(zeros_in_good_faith(image, guest, listener) == 0);
    CHECK(test::error_of([&] { pager.wait(); }).error_number() == EISDIR);
    CHECK(listener.calls() == 1);
    CHECK(listener.reason().find(directory.path().string()) != std::string::npos);
  }
}

TEST_CASE("a block that does not decompress fails the pager, and is named") {
  const PagedImage image;
  const test::ScratchDirectory directory;
  const test::PageFile file(directory.path() / "stream-set", {}, 0);
  image.write_compressed(file, 32);
  const auto table = format::read_page_set_table(file.fd(), file.ref().path);
  const format::StoredBlock& block = table.blocks[table.blocks.size() / 2];
  REQUIRE(block.stored < table.content_of(table.blocks.size() / 2));
  // A length that goes on and on: a bomb where it would be believed.
  base::write_exact(file.fd(), std::vector<std::byte>(block.stored.value, std::byte{0xff}),
                    block.file_offset.value, file.ref().path);
  const memory::GuestMemory guest(PagedImage::kMemory);
  Listener listener;
  Pager pager(image.stream_of(file), guest, image.files_with(file), listener.callbacks());
  pager.start();
  CHECK(zeros_in_good_faith(image, guest, listener) == 0);
  const Error error = test::error_of([&] { pager.wait(); });
  CHECK(error.kind() == ErrorKind::corrupt);
  CHECK(std::string(error.what()).find(fmt::format("block at byte {}", block.file_offset.value)) !=
        std::string::npos);
  CHECK(listener.calls() == 1);
  CHECK(names(listener.reason(), file));
}

TEST_CASE("a failed loader of mapped files is told as well") {
  const PagedImage image;
  RestorePlan plan = image.concurrent();
  std::get<ReadIntoPageCache>(std::get<KernelFaults>(plan.faults).load)
      .reads.push_back({Backing::memory_file, {PagedImage::kMemory}, {{0}, 1}});
  const memory::GuestMemory guest(PagedImage::kMemory);
  Listener listener;
  Pager pager(plan, guest, image.files(), listener.callbacks());
  pager.start();
  CHECK(test::error_of([&] { pager.wait(); }).kind() == ErrorKind::corrupt);
  CHECK(pager.failed());
  CHECK(listener.calls() == 1);
  CHECK(names(listener.reason(), image.memory_file()));
}

TEST_CASE("a thread of the pager that dies fails the pager, and nobody waits for it") {
  const PagedImage image;
  for (int after = 0; after < 60; after += 7) {
    std::atomic<int> steps{0};
    InstallTuning tuning;
    tuning.piece = 16_KiB;
    tuning.before_step = [&] {
      if (steps++ == after) {
        throw std::runtime_error("out of luck");
      }
    };
    const memory::GuestMemory guest(PagedImage::kMemory);
    Listener listener;
    Pager pager(image.stream(), guest, image.files(), listener.callbacks(), tuning);
    pager.start();
    CHECK(zeros_in_good_faith(image, guest, listener) == 0);
    CHECK_THROWS_AS(pager.wait(), std::runtime_error);
    CHECK(listener.calls() == 1);
    CHECK(listener.reason() == "out of luck");
  }
}

TEST_CASE("no thread waits for ever, whatever delays the others") {
  const PagedImage image;
  image.set_file().make_cold();
  for (std::uint32_t round = 0; round < 12; ++round) {
    std::atomic<std::uint32_t> seed{round};
    InstallTuning tuning;
    tuning.piece = {kPageSize << (round % 8)};
    tuning.depth = 1 + round % 5;
    tuning.misses = 1 + round % 3;
    tuning.before_step = [&] {
      const std::uint32_t value = seed++ * 2654435761U;
      if (value % 16 == 0) {
        std::this_thread::sleep_for(std::chrono::microseconds(value % 900));
      }
    };
    const memory::GuestMemory guest(PagedImage::kMemory);
    Listener listener;
    Pager pager(round % 4 == 3 ? image.recording() : image.stream(), guest, image.files(),
                listener.callbacks(), tuning);
    std::thread late([&] {
      std::this_thread::sleep_for(std::chrono::microseconds(round * 300));
      pager.start();
    });
    CHECK(zeros_in_good_faith(image, guest, listener) == 0);
    late.join();
    pager.wait();
    CHECK(listener.calls() == 0);
  }
}

TEST_CASE("a pager can be destroyed at any moment, and lets go whoever waits") {
  const PagedImage image;
  std::mt19937 random(4);
  for (int round = 0; round < 30; ++round) {
    const memory::GuestMemory guest(PagedImage::kMemory);
    Listener listener;
    auto pager = std::make_unique<Pager>(round % 3 == 0 ? image.recording() : image.stream(), guest,
                                         image.files(), listener.callbacks());
    if (round % 5 != 0) {
      pager->start();
    }
    auto guest_play =
        std::async(std::launch::async, [&] { return zeros_in_good_faith(image, guest, listener); });
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 5000));
    pager.reset();
    guest_play.wait();
    CHECK(listener.calls() == 0);
  }
}

}  // namespace
}  // namespace faasnap::paging
