#include "paging/userfault/install_queue.h"

#include <catch2/catch_test_macros.hpp>

#include "paging/support.h"

namespace faasnap::paging {
namespace {

TEST_CASE("nothing is handed out before the beginning, nor after it was cancelled") {
  InstallQueue queue(2, 2, 2);
  CHECK_FALSE(queue.next_read());
  CHECK_FALSE(queue.take_zeros());
  queue.begin({});
  CHECK(queue.next_read());
  CHECK(queue.take_zeros());
  queue.cancel();
  CHECK_FALSE(queue.next_read());
  CHECK_FALSE(queue.take_zeros());
  CHECK(queue.cancelled());
}

TEST_CASE("pieces are read in order, as many at once as there are buffers") {
  InstallQueue queue(3, 0, 2);
  queue.begin({});
  const auto first = queue.next_read();
  const auto second = queue.next_read();
  REQUIRE((first && second));
  CHECK(first->part == 0);
  CHECK(second->part == 1);
  CHECK(first->buffer != second->buffer);
  CHECK_FALSE(queue.next_read());
  queue.add_ready(*first);
  CHECK_FALSE(queue.next_read());
  const auto work = queue.take_piece();
  REQUIRE(work);
  queue.finish(*work, 5);
  const auto third = queue.next_read();
  REQUIRE(third);
  CHECK(third->part == 2);
  CHECK(third->buffer == first->buffer);
}

TEST_CASE("of what is ready the earliest piece is installed first") {
  InstallQueue queue(3, 0, 3);
  queue.begin({});
  const auto first = queue.next_read();
  const auto second = queue.next_read();
  const auto third = queue.next_read();
  REQUIRE((first && second && third));
  CHECK(queue.add_ready(*third) == 1);
  CHECK(queue.add_ready(*first) == 2);
  CHECK(queue.take_piece()->part == 0);
  CHECK(queue.take_piece()->part == 2);
  CHECK_FALSE(queue.take_piece());
}

TEST_CASE("a part's state says how far it has come") {
  InstallQueue queue(1, 1, 1);
  queue.begin({});
  CHECK(queue.state(0) == PartState::waiting);
  const auto read = queue.next_read();
  CHECK(queue.state(0) == PartState::reading);
  queue.add_ready(*read);
  CHECK(queue.state(0) == PartState::ready);
  const auto piece = queue.take_piece();
  CHECK(queue.state(0) == PartState::installing);
  queue.finish(*piece, 3);
  CHECK(queue.state(0) == PartState::installed);
  CHECK_FALSE(queue.all_installed());
  const auto zeros = queue.take_zeros();
  CHECK(zeros->part == 1);
  CHECK(queue.state(1) == PartState::installing);
  queue.finish(*zeros, 7);
  CHECK(queue.all_installed());
  const PrefetchStats stats = queue.stats();
  CHECK(stats.reads == 1);
  CHECK(stats.pages == 3);
  CHECK(stats.bytes == 12_KiB);
  CHECK(stats.zero_pages == 7);
}

TEST_CASE("waiting ends with the work, and throws what ended it") {
  InstallQueue queue(1, 0, 1);
  queue.begin(Nanoseconds(100));
  CHECK_FALSE(queue.stats().finished);
  queue.end(Nanoseconds(350), std::make_exception_ptr(std::runtime_error("broken")));
  CHECK(queue.stats().finished);
  CHECK(queue.stats().duration == Nanoseconds(250));
  CHECK_THROWS_AS(queue.wait(), std::runtime_error);
}

}  // namespace
}  // namespace faasnap::paging
