// SPDX-License-Identifier: Apache-2.0

// Disks that guests write, across snapshots and restores.

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include "support.h"

using namespace faasnap;
using namespace faasnap::test;

namespace {

constexpr const char* kWriter = R"(cat >/tmp/disk.py <<'END'
import hashlib, os, random, sys
BLOCK = 4096
def block(seed, number):
    return hashlib.shake_128(b"%d %d" % (seed, number)).digest(BLOCK)
def numbers(seed, blocks):
    return random.Random(seed).sample(range(blocks), blocks // 2)
def write(path, seed, blocks):
    disk = os.open(path, os.O_RDWR)
    for number in numbers(seed, blocks):
        assert os.pwrite(disk, block(seed, number), number * BLOCK) == BLOCK
    os.fsync(disk)
    os.close(disk)
def bad(path, seeds, blocks):
    latest = {}
    for seed in seeds:
        for number in numbers(seed, blocks):
            latest[number] = seed
    fd = os.open(path, os.O_RDONLY)
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    count = 0
    for number in range(blocks):
        expected = block(latest[number], number) if number in latest else bytes(BLOCK)
        count += os.pread(fd, BLOCK, number * BLOCK) != expected
    return count
command, path, blocks, *seeds = sys.argv[1:]
seeds = [int(seed) for seed in seeds]
if command == "write":
    write(path, seeds[-1], int(blocks))
print("%s:%d bad" % (command, bad(path, seeds, int(blocks))))
END)";

// A guest's shell.
class Shell {
 public:
  explicit Shell(Guest guest, const ConsoleLog& console)
      : guest_(std::move(guest)), console_(console) {}

  Guest& guest() { return guest_; }
  // Runs a script and returns what it said.
  std::string run(const std::string& script) {
    const std::string end = "end''of" + std::to_string(++runs_);
    const std::string marker = "endof" + std::to_string(runs_) + "\r\n";
    const std::size_t begin = console_.text().size();
    guest_.vm().write_console(script + "\necho " + end + "\n");
    const auto limit = std::chrono::steady_clock::now() + kPatience;
    for (;;) {
      const std::string said = console_.text().substr(begin);
      if (said.find(marker) != std::string::npos) {
        return said;
      }
      INFO(said);
      REQUIRE(std::chrono::steady_clock::now() < limit);
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  }
  bool says(const std::string& script, const std::string& answer) {
    const std::string said = run(script);
    INFO(said);
    const bool found = said.find(answer) != std::string::npos;
    CHECK(found);
    return found;
  }

 private:
  Guest guest_;
  ConsoleLog console_;
  unsigned runs_ = 0;
};

Shell boot(std::vector<DiskOptions> disks,
           const std::filesystem::path& scratch_directory = data_directory(),
           const DiskRate& rate = {}) {
  const ConsoleLog console;
  VmOptions options = boot_options("faasnap.shell=1");
  options.disks = std::move(disks);
  options.attachments.limits.disk.rate = rate;
  options.attachments.console = console.sink();
  options.attachments.scratch_directory = scratch_directory;
  return Shell(Guest::boot(options), console);
}

Shell restore(const Snapshot& snapshot, Place place) {
  const ConsoleLog console;
  RestoreOptions options;
  options.attachments.console = console.sink();
  options.attachments.scratch_directory = data_directory();
  return Shell(Guest::restore(snapshot, options, place), console);
}

// A file of `size` bytes that is removed with the object.
class DiskFile {
 public:
  DiskFile(const std::string& name, Bytes size) : path_(fresh_path(name)) {
    std::ofstream(path_).close();
    std::filesystem::resize_file(path_, size.value);
  }
  ~DiskFile() { std::filesystem::remove(path_); }
  const std::filesystem::path& path() const { return path_; }
  std::vector<char> content() const {
    std::ifstream file(path_, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

 private:
  std::filesystem::path path_;
};

// A file system in memory, which this process must be root to mount.
class SmallFileSystem {
 public:
  explicit SmallFileSystem(const std::string& size) : directory_(fresh_path("small")) {
    std::filesystem::create_directory(directory_);
    REQUIRE(::mount("small", directory_.c_str(), "tmpfs", 0, ("size=" + size).c_str()) == 0);
  }
  ~SmallFileSystem() {
    ::umount2(directory_.c_str(), MNT_DETACH);
    std::filesystem::remove(directory_);
  }
  SmallFileSystem(const SmallFileSystem&) = delete;
  SmallFileSystem& operator=(const SmallFileSystem&) = delete;

  const std::filesystem::path& directory() const { return directory_; }

 private:
  std::filesystem::path directory_;
};

}  // namespace

TEST_CASE("what a guest has written to its disks is in a snapshot, and clones diverge from there") {
  require_kvm();
  const auto directory = fresh_path("disks");
  const auto again = fresh_path("disks-again");
  DiskFile file("disk-of-file", 4_MiB);
  std::vector<char> at_snapshot;
  {
    Shell shell = boot({{.size = 8_MiB}, {.path = file.path()}});
    shell.run(kWriter);
    shell.says("python3 /tmp/disk.py write /dev/vdb 2048 1", "write:0 bad");
    shell.says("python3 /tmp/disk.py write /dev/vdc 1024 2", "write:0 bad");
    const VmStats stats = shell.guest().vm().stats();
    CHECK(stats.disks.written >= Bytes{1536 * kPageSize});
    CHECK(stats.disks.flushes >= 2);
    CHECK(stats.disks.failed == 0);
    const Snapshot taken = shell.guest().vm().snapshot(directory);
    CHECK(taken.info().disks == 12_MiB);
    taken.verify();
    at_snapshot = file.content();
  }
  const Snapshot snapshot = Snapshot::open(directory);
  {
    Shell first = restore(snapshot, Place::worker);
    Shell second = restore(snapshot, Place::here);
    for (Shell* shell : {&first, &second}) {
      shell->says("python3 /tmp/disk.py check /dev/vdb 2048 1", "check:0 bad");
      shell->says("python3 /tmp/disk.py check /dev/vdc 1024 2", "check:0 bad");
    }
    first.says("python3 /tmp/disk.py write /dev/vdb 2048 1 3", "write:0 bad");
    second.says("python3 /tmp/disk.py write /dev/vdb 2048 1 4", "write:0 bad");
    first.says("python3 /tmp/disk.py write /dev/vdc 1024 2 5", "write:0 bad");
    first.says("python3 /tmp/disk.py check /dev/vdb 2048 1 3", "check:0 bad");
    second.says("python3 /tmp/disk.py check /dev/vdb 2048 1 4", "check:0 bad");
    second.says("python3 /tmp/disk.py check /dev/vdc 1024 2", "check:0 bad");
    first.guest().vm().snapshot(again).verify();
  }
  CHECK(file.content() == at_snapshot);  // clones write elsewhere
  snapshot.verify();
  {
    Shell third = restore(Snapshot::open(again), Place::worker);
    third.says("python3 /tmp/disk.py check /dev/vdb 2048 1 3", "check:0 bad");
    third.says("python3 /tmp/disk.py check /dev/vdc 1024 2 5", "check:0 bad");
  }
  Snapshot::remove(directory);
  Snapshot::remove(again);
}

TEST_CASE("what a guest has discarded reads as zeros, and is not in a snapshot") {
  require_kvm();
  const auto directory = fresh_path("blkdiscard");
  {
    Shell shell = boot({{.size = 8_MiB}});
    shell.run(kWriter);
    shell.says("python3 /tmp/disk.py write /dev/vdb 2048 1", "write:0 bad");
    shell.says("cat /sys/block/vdb/queue/discard_max_bytes", "134217728");
    // BLKDISCARD of everything.
    shell.says(
        "python3 -c 'import fcntl, os, struct; d = os.open(\"/dev/vdb\", os.O_RDWR); "
        "fcntl.ioctl(d, 0x1277, struct.pack(\"QQ\", 0, 8 << 20)); print(\"dis\" + \"carded\")'",
        "discarded");
    CHECK(shell.guest().vm().stats().disks.discards >= 1);
    shell.says("python3 /tmp/disk.py check /dev/vdb 2048", "check:0 bad");
    shell.guest().vm().snapshot(directory);
  }
  struct stat status {};
  REQUIRE(::stat((directory / "disks").c_str(), &status) == 0);
  CHECK(status.st_blocks <= 16);  // the trailer
  Snapshot::remove(directory);
}

TEST_CASE("a disk that is only to be read is read, and writes to it fail in the guest alone") {
  require_kvm();
  DiskFile file("disk-read-only", 1_MiB);
  std::ofstream(file.path(), std::ios::in | std::ios::out) << "the content of the disk";
  const auto before = file.content();
  const auto directory = fresh_path("read-only");
  {
    Shell shell = boot({{.path = file.path(), .read_only = true}});
    shell.says("head -c 23 /dev/vdb; echo", "the content of the disk");
    shell.says("cat /sys/block/vdb/ro", "1");
    shell.says("echo x >/dev/vdb || echo 'refu''sed'", "refused");
    shell.guest().vm().snapshot(directory);
  }
  CHECK(file.content() == before);
  Shell clone = restore(Snapshot::open(directory), Place::worker);
  clone.says("head -c 23 /dev/vdb; echo", "the content of the disk");
  Snapshot::remove(directory);
}

TEST_CASE("a file is one VM's disk at a time, unless all of them only read it") {
  require_kvm();
  DiskFile file("disk-shared", 1_MiB);
  Shell reader = boot({{.path = file.path(), .read_only = true}});
  Shell another = boot({{.path = file.path(), .read_only = true}});
  try {
    boot({{.path = file.path()}});
    FAIL("accepted");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::invalid_argument);
    CHECK(error.path() == file.path());
  }
}

TEST_CASE("a guest that writes beyond its disk's rate waits, and nobody else does") {
  require_kvm();
  constexpr const char* kWrite = "dd if=/dev/zero of=/dev/vdb bs=64k oflag=direct count=128";
  // Less than a guest writes where processors are emulated. The root disk has this rate, too.
  Shell shell =
      boot({{.size = 8_MiB}}, data_directory(), {.bytes_per_second = 4_MiB, .byte_burst = 1_MiB});
  Shell neighbour = boot({{.size = 8_MiB}});
  shell.run(kWriter);
  neighbour.run(kWriter);
  const std::uint64_t waits = shell.guest().vm().stats().limits.disk_waits;

  const auto begin = std::chrono::steady_clock::now();
  shell.says(kWrite + std::string(" && echo 'writ''ten'"), "written");
  // 8 MiB, of which one passes at once and one request on credit.
  CHECK(std::chrono::steady_clock::now() - begin >= std::chrono::milliseconds(1700));
  CHECK(shell.guest().vm().stats().limits.disk_waits > waits);

  shell.guest().vm().write_console(kWrite + std::string("\n"));
  neighbour.says("python3 /tmp/disk.py write /dev/vdb 2048 1", "write:0 bad");
  CHECK(neighbour.guest().vm().stats().limits.disk_waits == 0);
  shell.guest().vm().pause();
  shell.guest().vm().resume();
  shell.says("python3 /tmp/disk.py check /dev/vdb 2048", "check:0 bad");
}

TEST_CASE(
    "a scratch disk that the host has no room for is that guest's I/O error, and no other's") {
  require_kvm();
  if (::geteuid() != 0) {
    SKIP("needs root, to mount a small file system");
  }
  const SmallFileSystem small("6M");
  Shell neighbour = boot({{.size = 8_MiB}});
  {
    Shell shell = boot({{.size = 64_MiB}}, small.directory());
    shell.run(kWriter);
    shell.says("python3 /tmp/disk.py write /dev/vdb 1024 1", "write:0 bad");
    shell.says(
        "dd if=/dev/urandom of=/dev/vdb bs=1M seek=8 count=16 conv=fsync || echo 'no ro''om'",
        "no room");
    CHECK(shell.guest().vm().stats().disks.failed > 0);
    CHECK(shell.guest().vm().state() == VmState::running);
    // What was there before is as it was.
    shell.says("python3 /tmp/disk.py check /dev/vdb 1024 1", "check:0 bad");
  }
  neighbour.run(kWriter);
  neighbour.says("python3 /tmp/disk.py write /dev/vdb 2048 1", "write:0 bad");
  CHECK(neighbour.guest().vm().stats().disks.failed == 0);
}
