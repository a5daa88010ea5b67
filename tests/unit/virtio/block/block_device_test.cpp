#include "virtio/block/block_device.h"

#include <faasnap/error.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "uring/ring.h"
#include "virtio/fake_driver.h"

namespace faasnap::virtio::test {
namespace {

constexpr std::uint32_t kRead = 0;
constexpr std::uint32_t kWriteOut = 1;
constexpr std::uint32_t kFlush = 4;
constexpr std::uint32_t kGetId = 8;
constexpr std::uint32_t kDiscard = 11;

constexpr std::size_t kImageSize = 1 << 20;
constexpr std::uint64_t kSectors = kImageSize / 512;

// An image in memory, and a second descriptor of it that the test keeps.
struct Image {
  explicit Image(std::size_t size = kImageSize)
      : content(pattern(size)), file(::memfd_create("image", MFD_CLOEXEC)) {
    REQUIRE(::write(file.get(), content.data(), content.size()) ==
            static_cast<ssize_t>(content.size()));
  }
  base::UniqueFd open() const { return base::UniqueFd(::dup(file.get())); }

  std::vector<std::byte> content;
  base::UniqueFd file;
};

struct Rig {
  explicit Rig(std::size_t image_size = kImageSize)
      : image(image_size),
        driver(world,
               std::make_unique<BlockDevice>(world.loop, image.open(), "image", "serial-0123")) {}
  ~Rig() { CHECK(world.failures() == 0); }

  Buffer header(std::uint32_t operation, std::uint64_t sector) {
    const Buffer buffer{driver.allocator.take(16), 16, false};
    world.memory.write_value(buffer.address, operation);
    world.memory.write_value({buffer.address.value + 4}, std::uint32_t{0});
    world.memory.write_value({buffer.address.value + 8}, sector);
    return buffer;
  }
  Buffer data(std::uint32_t length, bool writable = true) {
    return {driver.allocator.take(length, 512), length, writable};
  }
  Buffer status_byte() {
    const Buffer buffer{driver.allocator.take(1), 1, true};
    world.memory.write_value(buffer.address, std::uint8_t{0xaa});
    return buffer;
  }
  std::uint8_t status_at(const Buffer& buffer) {
    return world.memory.read_value<std::uint8_t>(buffer.address).value();
  }
  std::span<const std::byte> bytes_at(const Buffer& buffer) {
    return world.memory.view(buffer.address, buffer.length).value();
  }
  bool holds(const Buffer& buffer, std::uint64_t offset) {
    const auto bytes = bytes_at(buffer);
    return std::equal(bytes.begin(), bytes.end(),
                      image.content.begin() + static_cast<std::ptrdiff_t>(offset));
  }
  // Runs one request to its end: the status, and what the used ring says was written.
  std::pair<std::uint8_t, std::uint32_t> run(std::uint32_t operation, std::uint64_t sector,
                                             std::vector<Buffer> buffers) {
    buffers.insert(buffers.begin(), header(operation, sector));
    buffers.push_back(status_byte());
    driver.queues[0].add(buffers);
    driver.kick(0);
    const Used used = driver.wait_used(0);
    return {status_at(buffers.back()), used.length};
  }
  bool needs_reset() {
    return wait_until([this] { return (driver.status() & kNeedsReset) != 0; });
  }

  World world;
  Image image;
  FakeDriver driver;
};

using Result = std::pair<std::uint8_t, std::uint32_t>;

}  // namespace

TEST_CASE("The disk is read-only, of the image's size, with 512-byte blocks") {
  Rig rig;
  CHECK((rig.driver.device_features() & 0xffffff) == ((1 << 2) | (1 << 5) | (1 << 6) | (1 << 9)));
  std::uint64_t capacity = 0;
  std::memcpy(&capacity, rig.driver.read_config(0, 8).data(), 8);
  CHECK(capacity == kSectors);
  std::uint32_t segments = 0;
  std::memcpy(&segments, rig.driver.read_config(12, 4).data(), 4);
  CHECK(segments == 126);
  std::uint32_t block = 0;
  std::memcpy(&block, rig.driver.read_config(20, 4).data(), 4);
  CHECK(block == 512);
}

TEST_CASE("An image of part of a sector is refused") {
  World world;
  const Image image(1000);
  try {
    BlockDevice device(world.loop, image.open(), "odd.img", "");
    FAIL("accepted");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::invalid_argument);
    CHECK(error.path() == "odd.img");
  }
}

TEST_CASE("A read brings the image's bytes") {
  Rig rig;
  rig.driver.start();
  const Buffer buffer = rig.data(4096);
  CHECK(rig.run(kRead, 3, {buffer}) == Result{0, 4097});
  CHECK(rig.holds(buffer, 3 * 512));
}

TEST_CASE("A read scatters over several buffers, odd ones included") {
  Rig rig;
  rig.driver.start();
  const Buffer first = rig.data(512);
  const Buffer second = rig.data(100);
  const Buffer third = rig.data(924);
  CHECK(rig.run(kRead, 0, {first, second, third}) == Result{0, 1537});
  CHECK(rig.holds(first, 0));
  CHECK(rig.holds(second, 512));
  CHECK(rig.holds(third, 612));
}

TEST_CASE("Header, data and status may be split and joined in any way") {
  Rig rig;
  rig.driver.start();
  const Buffer header = rig.header(kRead, 1);
  const Buffer data_and_status = rig.data(512 + 1);
  rig.driver.queues[0].add(
      {{header.address, 5, false}, {{header.address.value + 5}, 11, false}, data_and_status});
  rig.driver.kick(0);
  CHECK(rig.driver.wait_used(0).length == 513);
  CHECK(rig.holds({data_and_status.address, 512, true}, 512));
  CHECK(rig.bytes_at(data_and_status)[512] == std::byte{0});
}

TEST_CASE("A read through an indirect table") {
  Rig rig;
  rig.driver.start();
  std::vector<Buffer> buffers{rig.header(kRead, 0)};
  for (unsigned i = 0; i < 100; ++i) {
    buffers.push_back(rig.data(512));
  }
  buffers.push_back(rig.status_byte());
  rig.driver.queues[0].add_indirect(buffers);
  rig.driver.kick(0);
  CHECK(rig.driver.wait_used(0).length == 100 * 512 + 1);
  CHECK(rig.status_at(buffers.back()) == 0);
  for (unsigned i = 0; i < 100; ++i) {
    CHECK(rig.holds(buffers[1 + i], i * 512));
  }
}

TEST_CASE("As many requests as the queue holds are in flight together, with the right answers") {
  Rig rig;
  rig.driver.start();
  const auto count = static_cast<unsigned>(rig.driver.queues[0].room());
  CHECK(count == 128);
  std::vector<std::vector<Buffer>> requests(count);
  for (unsigned round = 0; round < 10; ++round) {
    for (unsigned i = 0; i < count; ++i) {
      const std::uint64_t sector = (i * 37 + round) % (kSectors - 8);
      requests[i] = {rig.header(kRead, sector), rig.data(4096), rig.status_byte()};
      rig.driver.queues[0].add_indirect(requests[i]);
    }
    rig.driver.kick(0);
    for (unsigned i = 0; i < count; ++i) {
      CHECK(rig.driver.wait_used(0).length == 4097);
    }
    for (unsigned i = 0; i < count; ++i) {
      CHECK(rig.status_at(requests[i].back()) == 0);
      CHECK(rig.holds(requests[i][1], ((i * 37 + round) % (kSectors - 8)) * 512));
    }
  }
}

TEST_CASE("Without indirect descriptors and event index the disk works too") {
  Rig rig;
  rig.driver.start(0, 16);
  for (unsigned i = 0; i < 50; ++i) {
    const Buffer buffer = rig.data(512);
    CHECK(rig.run(kRead, i, {buffer}) == Result{0, 513});
    CHECK(rig.holds(buffer, i * 512));
  }
  CHECK(rig.driver.interrupt.count >= 1);
}

TEST_CASE("The last sector can be read, and what lies beyond it cannot") {
  Rig rig;
  rig.driver.start();
  const Buffer last = rig.data(512);
  CHECK(rig.run(kRead, kSectors - 1, {last}) == Result{0, 513});
  CHECK(rig.holds(last, kImageSize - 512));
  CHECK(rig.run(kRead, kSectors, {rig.data(512)}) == Result{1, 1});
  CHECK(rig.run(kRead, kSectors - 1, {rig.data(1024)}) == Result{1, 1});
  CHECK(rig.run(kRead, ~0ULL, {rig.data(512)}) == Result{1, 1});
  CHECK(rig.run(kRead, ~0ULL / 512, {rig.data(512)}) == Result{1, 1});
}

TEST_CASE("A read of part of a sector is an I/O error") {
  Rig rig;
  rig.driver.start();
  CHECK(rig.run(kRead, 0, {rig.data(511)}) == Result{1, 1});
}

TEST_CASE("A read of nothing succeeds") {
  Rig rig;
  rig.driver.start();
  CHECK(rig.run(kRead, 0, {}) == Result{0, 1});
}

TEST_CASE("A write is an I/O error and leaves the image alone") {
  Rig rig;
  rig.driver.start();
  CHECK(rig.run(kWriteOut, 0, {rig.data(512, false)}) == Result{1, 1});
  std::array<std::byte, 512> now;
  REQUIRE(::pread(rig.image.file.get(), now.data(), now.size(), 0) == 512);
  CHECK(std::equal(now.begin(), now.end(), rig.image.content.begin()));
}

TEST_CASE("A flush succeeds") {
  Rig rig;
  rig.driver.start();
  CHECK(rig.run(kFlush, 0, {}) == Result{0, 1});
}

TEST_CASE("The serial number fills twenty bytes") {
  Rig rig;
  rig.driver.start();
  const Buffer id = rig.data(20);
  CHECK(rig.run(kGetId, 0, {id}) == Result{0, 21});
  CHECK(text_of(rig.bytes_at(id)) == std::string("serial-0123") + std::string(9, '\0'));
  const Buffer small = rig.data(6);
  CHECK(rig.run(kGetId, 0, {small}) == Result{0, 7});
  CHECK(text_of(rig.bytes_at(small)) == "serial");
}

TEST_CASE("An operation that does not exist is unsupported") {
  Rig rig;
  rig.driver.start();
  CHECK(rig.run(kDiscard, 0, {}).first == 2);
  CHECK(rig.run(0xffffffff, 0, {}).first == 2);
}

TEST_CASE("An image that has become shorter gives an I/O error, not an endless wait") {
  Rig rig;
  rig.driver.start();
  REQUIRE(::ftruncate(rig.image.file.get(), kImageSize / 2) == 0);
  CHECK(rig.run(kRead, kSectors - 8, {rig.data(4096)}).first == 1);
  CHECK(rig.run(kRead, kSectors / 2 - 4, {rig.data(4096)}).first == 1);
  CHECK(rig.run(kRead, 0, {rig.data(4096)}).first == 0);
}

TEST_CASE("A request without a whole header stops the device") {
  Rig rig;
  rig.driver.start();
  rig.driver.queues[0].add({{rig.driver.allocator.take(15), 15, false}, rig.status_byte()});
  rig.driver.kick(0);
  CHECK(rig.needs_reset());
  CHECK(rig.world.logged("header of 15 bytes"));
}

TEST_CASE("A request without a status byte stops the device") {
  Rig rig;
  rig.driver.start();
  rig.driver.queues[0].add({rig.header(kRead, 0)});
  rig.driver.kick(0);
  CHECK(rig.needs_reset());
  CHECK(rig.world.logged("without room for its status"));
}

TEST_CASE("A hostile chain behind honest ones stops the device and spares the honest ones") {
  Rig rig;
  rig.driver.start();
  std::vector<Buffer> good{rig.header(kRead, 0), rig.data(4096), rig.status_byte()};
  rig.driver.queues[0].add(good);
  rig.driver.queues[0].add({rig.header(kRead, 0), {{~0ULL - 100}, 4096, true}});
  rig.driver.kick(0);
  CHECK(rig.driver.wait_used(0).length == 4097);
  CHECK(rig.holds(good[1], 0));
  CHECK(rig.needs_reset());
}

TEST_CASE("A reset waits for reads in flight, and the disk works afterwards") {
  Rig rig;
  for (unsigned round = 0; round < 20; ++round) {
    rig.driver.start();
    for (unsigned i = 0; i < 32; ++i) {
      rig.driver.queues[0].add_indirect(
          std::vector<Buffer>{rig.header(kRead, i), rig.data(64 << 10), rig.status_byte()});
    }
    rig.driver.kick(0);
    rig.driver.write32(kStatus, 0);
  }
  rig.driver.start();
  const Buffer buffer = rig.data(512);
  CHECK(rig.run(kRead, 5, {buffer}) == Result{0, 513});
  CHECK(rig.holds(buffer, 5 * 512));
}

TEST_CASE("Drain completes what is in flight and leaves the rest in the queue") {
  Rig rig;
  rig.driver.start();
  FakeQueue& queue = rig.driver.queues[0];
  for (unsigned i = 0; i < 32; ++i) {
    queue.add_indirect(
        std::vector<Buffer>{rig.header(kRead, i), rig.data(16 << 10), rig.status_byte()});
  }
  rig.driver.kick(0);
  rig.driver.drain();
  const std::uint16_t completed = queue.used_index();
  queue.add({rig.header(kRead, 0), rig.data(512), rig.status_byte()});
  rig.driver.kick(0);
  rig.driver.on_loop([] {});
  CHECK(queue.used_index() == completed);
  rig.driver.resume();
  CHECK(wait_until([&] { return queue.used_index() == 33; }));
}

TEST_CASE("A restored disk serves the requests that the saved one had not taken") {
  Rig saved;
  saved.driver.start();
  CHECK(saved.run(kRead, 0, {saved.data(512)}).first == 0);
  saved.driver.drain();
  const Buffer buffer = saved.data(512);
  saved.driver.queues[0].add({saved.header(kRead, 9), buffer, saved.status_byte()});
  const auto state = saved.driver.save();

  Rig clone;
  std::copy(saved.world.memory.host().begin(), saved.world.memory.host().begin() + (8 << 20),
            clone.world.memory.host().begin());
  clone.driver.restore(state);
  clone.driver.resume();
  const FakeQueue queue =
      saved.driver.queues[0].moved_to(clone.world.memory, clone.driver.allocator);
  CHECK(wait_until([&] { return queue.used_index() == 2; }));
  CHECK(clone.holds(buffer, 9 * 512));
}

TEST_CASE("A disk is not restored with an image of another size") {
  Rig saved;
  saved.driver.start();
  saved.driver.drain();
  const auto state = saved.driver.save();
  Rig other(kImageSize / 2);
  try {
    other.driver.restore(state);
    FAIL("accepted");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::corrupt);
    CHECK(std::string(error.what()).find("2048 sectors") != std::string::npos);
  }
  CHECK_FALSE(other.driver.transport->active());
}

}  // namespace faasnap::virtio::test
