// SPDX-License-Identifier: Apache-2.0

#include <dirent.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <faasnap/snapshot.h>
#include <faasnap/vm.h>
#include <faasnap/vm_pool.h>
#include <faasnap/worker_pool.h>
#include <faasnap/working_set_recorder.h>

#include "support/support.h"
#include "vm/tiny_vm.h"

namespace faasnap {
namespace {

using test::boot_tiny;
using test::different_bytes;
using test::error_of;
using test::ScratchDirectory;
using test::snapshot_tiny;

namespace fs = std::filesystem;

const RestoreOptions kInWorker{.worker = WorkerOptions{}};

// True once the process is gone.
bool gone(pid_t process) {
  for (int i = 0; i < 200; ++i) {
    if (::kill(process, 0) != 0) {
      return true;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

TEST_CASE("the limits of a guest reach its worker") {
  const ScratchDirectory scratch;
  const bool remote = GENERATE(false, true);
  INFO("remote: " << remote);
  VmOptions options;
  options.attachments.limits.device_slice = Nanoseconds(1);
  if (remote) {
    options.worker.emplace();
  }
  const Error error = error_of([&] { boot_tiny(scratch.path(), options); });
  CHECK(error.kind() == ErrorKind::invalid_argument);
  CHECK(std::string(error.what()).find("limits.device_slice") != std::string::npos);
}

TEST_CASE("a VM in a worker goes through its states as one in this process does") {
  const ScratchDirectory scratch;
  const bool remote = GENERATE(false, true);
  INFO("remote: " << remote);
  VM vm = boot_tiny(scratch.path(), remote ? VmOptions{.worker = WorkerOptions{}} : VmOptions{});
  CHECK(vm.worker().has_value() == remote);
  CHECK(vm.state() == VmState::running);
  vm.pause();
  CHECK(vm.state() == VmState::paused);
  vm.pause();
  vm.resume();
  CHECK(vm.state() == VmState::running);
  CHECK_FALSE(vm.wait(std::chrono::milliseconds(1)));
  CHECK(vm.stats().restore.total == Nanoseconds(0));
  CHECK(vm.memory_usage().resident > Bytes{0});
  CHECK(vm.loads().empty());
  CHECK_NOTHROW(vm.wait_loaded());
  CHECK_NOTHROW(vm.write_console("hello"));
  CHECK_NOTHROW(vm.listen(7, [](GuestStream) {}));
  const Error refused = error_of([&] { vm.connect(80, std::chrono::seconds(5)); });
  CHECK(refused.kind() == ErrorKind::guest);
  CHECK(std::string(refused.what()) == "connect to guest: nothing listens on vsock port 80");
  vm.stop();
  CHECK(vm.state() == VmState::stopped);
  CHECK(vm.wait() == VmState::stopped);
  vm.stop();
  CHECK(vm.failure().empty());
  for (const auto& call :
       std::vector<std::function<void()>>{[&] { vm.pause(); }, [&] { vm.resume(); },
                                          [&] { vm.connect(80, std::chrono::seconds(5)); }}) {
    const Error error = error_of(call);
    CHECK(error.kind() == ErrorKind::guest);
    CHECK(std::string(error.what()).ends_with("the guest has ended: stopped"));
  }
}

TEST_CASE("a VM in a worker is restored and saved as one in this process is") {
  const ScratchDirectory scratch;
  const Snapshot first = snapshot_tiny(scratch.path());
  const Setting setting = GENERATE(from_range(kAllSettings));
  INFO(to_string(setting));
  RestoreOptions options = kInWorker;
  options.setting = setting;
  options.start = false;
  VM vm = VM::restore(first, options);
  CHECK(vm.state() == VmState::paused);
  CHECK_NOTHROW(vm.wait_loaded());
  const VM here = VM::restore(first, {.setting = setting, .start = false});
  CHECK_NOTHROW(here.wait_loaded());
  CHECK(vm.stats().prefetch.direct == here.stats().prefetch.direct);
  std::vector<std::pair<Bytes, Bytes>> progress;
  const Snapshot second = vm.snapshot(
      scratch.path() / "second", {.labels = {{"a", "b"}}, .progress = [&](Bytes done, Bytes total) {
                                    progress.emplace_back(done, total);
                                    return true;
                                  }});
  CHECK_NOTHROW(second.verify());
  CHECK(second.info().labels.at("a") == "b");
  CHECK(second.info().kernel.path == first.info().kernel.path);
  CHECK(second.info().kernel.checksum == first.info().kernel.checksum);
  REQUIRE_FALSE(progress.empty());
  CHECK(progress.back().first == progress.back().second);
  // The generation id is renewed by a restore, and nothing else.
  CHECK(different_bytes(first, second) <= 16);
  // What a worker has saved is restored in this process.
  CHECK(VM::restore(second).state() == VmState::running);
}

TEST_CASE("a snapshot of a VM in a worker can be cancelled") {
  const ScratchDirectory scratch;
  VM vm = boot_tiny(scratch.path(), {.worker = WorkerOptions{}});
  const Error error = error_of(
      [&] { vm.snapshot(scratch.path() / "s", {.progress = [](Bytes, Bytes) { return false; }}); });
  CHECK(error.kind() == ErrorKind::cancelled);
  CHECK_FALSE(fs::exists(scratch.path() / "s"));
  CHECK(vm.state() == VmState::running);
}

TEST_CASE("a prepared VM waits in its worker, and statistics count from its start") {
  const ScratchDirectory scratch;
  const Snapshot snapshot = snapshot_tiny(scratch.path());
  PreparedVM prepared = VM::prepare(snapshot, kInWorker);
  CHECK(prepared.memory() > Bytes{0});
  VM vm = prepared.start();
  CHECK(vm.state() == VmState::running);
  const RestoreStats stats = vm.stats().restore;
  CHECK(stats.prepared);
  CHECK(stats.total > Nanoseconds(0));
  CHECK(stats.create > Nanoseconds(0));
}

TEST_CASE("the working set of a VM in a worker is recorded") {
  const ScratchDirectory scratch;
  const Snapshot snapshot = snapshot_tiny(scratch.path());
  RestoreOptions options = kInWorker;
  options.record_accesses = AccessRecording::all;
  VM vm = VM::restore(snapshot, options);
  WorkingSetRecorder recorder(snapshot, vm, {.recorder = Recorder::userfaultfd});
  vm.pause();
  CHECK(recorder.finish().snapshot_id() == snapshot.info().id);
}

// Returns what connect(2) does for a client of the socket at `path`.
int connect_unix(int client, const fs::path& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
  return ::connect(client, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
}

GuestStream unix_client() { return GuestStream(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)); }

TEST_CASE("a VM in a worker has a vsock socket, which the worker serves and its caller removes") {
  const ScratchDirectory scratch;
  const fs::path socket = scratch.path() / "vsock";
  {
    const VmOptions options{.attachments = {.vsock_socket = socket}, .worker = WorkerOptions{}};
    VM vm = boot_tiny(scratch.path(), options);
    CHECK(fs::status(socket).permissions() == (fs::perms::owner_read | fs::perms::owner_write));
    // The guest has no driver, so it refuses.
    GuestStream client = unix_client();
    REQUIRE(connect_unix(client.descriptor(), socket) == 0);
    client.write(test::bytes_of("CONNECT 80\n"));
    std::array<std::byte, 8> answer{};
    CHECK(client.read(answer, std::chrono::minutes(1)) == 0);
    CHECK(vm.state() == VmState::running);
    const Error taken = error_of([&] { boot_tiny(scratch.path(), options); });
    CHECK(taken.kind() == ErrorKind::already_exists);
    CHECK(taken.path() == socket.string());
    // Whoever comes when the worker has gone need not wait for it.
    ::kill(vm.worker()->process, SIGKILL);
    CHECK(vm.wait() == VmState::internal_error);
    CHECK(connect_unix(unix_client().descriptor(), socket) != 0);
  }
  CHECK_FALSE(fs::exists(socket));
}

TEST_CASE("a worker that is killed is an error of its VM alone") {
  const ScratchDirectory scratch;
  const Snapshot snapshot = snapshot_tiny(scratch.path());
  VM vm = VM::restore(snapshot, kInWorker);
  VM other = VM::restore(snapshot, kInWorker);
  const pid_t worker = vm.worker()->process;
  REQUIRE(worker != other.worker()->process);
  std::thread killer([&] { ::kill(worker, SIGKILL); });
  CHECK(vm.wait() == VmState::internal_error);
  killer.join();
  CHECK(vm.state() == VmState::internal_error);
  const std::string reason =
      "worker " + std::to_string(worker) + " was killed by signal 9 (Killed)";
  CHECK(vm.failure() == reason);
  for (const auto& call : std::vector<std::function<void()>>{
           [&] { vm.pause(); }, [&] { vm.resume(); }, [&] { static_cast<void>(vm.stats()); },
           [&] { vm.connect(80, std::chrono::seconds(5)); }, [&] { vm.wait_loaded(); },
           [&] { vm.write_console("x"); }, [&] { vm.snapshot(scratch.path() / "s"); }}) {
    const Error error = error_of(call);
    CHECK(error.kind() == ErrorKind::guest);
    CHECK(std::string(error.what()).ends_with("the guest has ended: internal_error: " + reason));
  }
  CHECK_FALSE(fs::exists(scratch.path() / "s"));
  CHECK_NOTHROW(vm.stop());
  CHECK(other.state() == VmState::running);
}

TEST_CASE("a wait for the end of a VM in a worker may be nearly for ever") {
  const ScratchDirectory scratch;
  VM vm = boot_tiny(scratch.path(), {.worker = WorkerOptions{}});
  std::thread stopping([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    vm.stop();
  });
  CHECK(vm.wait(kForever - Nanoseconds(1)) == VmState::stopped);
  stopping.join();
}

TEST_CASE("a VM takes a worker that waits, and another one takes its place") {
  const ScratchDirectory scratch;
  const Snapshot snapshot = snapshot_tiny(scratch.path());
  CHECK(error_of([] { WorkerPool({}, 0); }).kind() == ErrorKind::invalid_argument);
  const auto pool = std::make_shared<WorkerPool>(WorkerOptions{}, 1);
  pool->wait_full();
  CHECK(pool->ready() == 1);
  const VM vm = VM::restore(snapshot, {.worker = WorkerOptions{.pool = pool}});
  CHECK(vm.state() == VmState::running);
  pool->wait_full();
  CHECK(pool->ready() == 1);
}

TEST_CASE(
    "a VM waits for a worker that is on its way, and none takes its place if it is the last") {
  const ScratchDirectory scratch;
  const Snapshot snapshot = snapshot_tiny(scratch.path());
  const auto pool = std::make_shared<WorkerPool>(WorkerOptions{}, 1, false);
  const RestoreOptions options{.worker = WorkerOptions{.pool = pool}};
  const VM first = VM::restore(snapshot, options);
  CHECK(pool->ready() == 0);
  CHECK_NOTHROW(pool->wait_full());
  CHECK(pool->ready() == 0);
  const VM second = VM::restore(snapshot, options);
  CHECK(second.worker()->process != first.worker()->process);
}

TEST_CASE("a worker that cannot be started is the same error where a pool was to start it") {
  const ScratchDirectory scratch;
  const Snapshot snapshot = snapshot_tiny(scratch.path());
  WorkerOptions options{.program = "/nowhere"};
  options.pool = std::make_shared<WorkerPool>(options, 1, false);
  CHECK(error_of([&] { options.pool->wait_full(); }).kind() == ErrorKind::not_found);
  CHECK(error_of([&] { VM::restore(snapshot, {.worker = options}); }).kind() ==
        ErrorKind::not_found);
}

TEST_CASE("a worker ends with its VM") {
  const ScratchDirectory scratch;
  pid_t worker = 0;
  {
    const VM vm = boot_tiny(scratch.path(), {.worker = WorkerOptions{}});
    worker = vm.worker()->process;
    CHECK(::kill(worker, 0) == 0);
  }
  CHECK(::kill(worker, 0) != 0);
}

TEST_CASE("a worker ends with the process that started it") {
#ifdef __SANITIZE_THREAD__
  SKIP("a process that was forked by one with threads starts none under the thread sanitizer");
#endif
  const ScratchDirectory scratch;
  const Snapshot snapshot = snapshot_tiny(scratch.path());
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const pid_t parent = ::fork();
  REQUIRE(parent >= 0);
  if (parent == 0) {
    const VM vm = VM::restore(snapshot, kInWorker);
    const pid_t worker = vm.worker()->process;
    static_cast<void>(::write(ends[1], &worker, sizeof(worker)));
    ::pause();
    ::_exit(0);
  }
  ::close(ends[1]);  // should the child end without a word, there is nothing to read
  pid_t worker = 0;
  REQUIRE(::read(ends[0], &worker, sizeof(worker)) == sizeof(worker));
  CHECK(::kill(worker, 0) == 0);
  ::kill(parent, SIGKILL);
  ::waitpid(parent, nullptr, 0);
  CHECK(gone(worker));
  ::close(ends[0]);
}

TEST_CASE("a worker has no descriptors but those that its VM needs") {
  const ScratchDirectory scratch;
  const Snapshot snapshot = snapshot_tiny(scratch.path());
  int leaky[2];  // of a careless embedder: not close-on-exec
  REQUIRE(::pipe(leaky) == 0);
  const VM vm = VM::restore(snapshot, kInWorker);
  const fs::path directory = fs::path("/proc") / std::to_string(vm.worker()->process) / "fd";
  for (const auto& entry : fs::directory_iterator(directory)) {
    std::error_code ignored;
    const std::string target = fs::read_symlink(entry.path(), ignored).string();
    INFO(entry.path() << " " << target);
    const bool needed = target.starts_with("socket:") || target.starts_with("anon_inode:") ||
                        target == "/dev/kvm" || target == "/dev/null" ||
                        target == "/dev/userfaultfd" ||
                        target.starts_with(snapshot.directory().string());
    CHECK(needed);
    CHECK_FALSE(target.starts_with("pipe:"));
  }
  ::close(leaky[0]);
  ::close(leaky[1]);
}

TEST_CASE("errors of a worker are those of this process") {
  const ScratchDirectory scratch;
  const Snapshot snapshot = snapshot_tiny(scratch.path());
  const Snapshot image =
      Snapshot::create(scratch.path() / "image", std::vector<std::byte>(kPageSize, std::byte{1}));
  const auto error_with = [&](const Snapshot& from, RestoreOptions options) {
    return error_of([&] { VM::restore(from, options); });
  };
  const Error here = error_with(image, {});
  const Error there = error_with(image, kInWorker);
  CHECK(there.kind() == here.kind());
  CHECK(std::string(there.what()) == here.what());
  CHECK(error_with(snapshot, {.worker = WorkerOptions{.program = "/nowhere"}}).kind() ==
        ErrorKind::not_found);
}

TEST_CASE("a pool keeps VMs that wait in their workers") {
  const ScratchDirectory scratch;
  const Snapshot snapshot = snapshot_tiny(scratch.path());
  VmPool pool(snapshot, kInWorker, 2);
  pool.wait_full();
  const VM vm = pool.take();
  CHECK(vm.stats().restore.prepared);
  CHECK(vm.worker());
}

}  // namespace
}  // namespace faasnap
