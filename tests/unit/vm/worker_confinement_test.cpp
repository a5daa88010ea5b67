// SPDX-License-Identifier: Apache-2.0

#include <catch2/catch_test_macros.hpp>
#include <memory>
#include <string>

#include <faasnap/snapshot.h>
#include <faasnap/vm.h>
#include <faasnap/worker_pool.h>

#include "support/forbidden_calls.h"
#include "support/support.h"
#include "support/without_proc.h"
#include "vm/tiny_vm.h"

namespace faasnap {
namespace {

using test::error_of;
using test::ScratchDirectory;
using test::snapshot_tiny;
using test::without_user_namespaces;

const RestoreOptions kConfined{.worker = WorkerOptions{}};
const RestoreOptions kCompletelyConfined{.worker = WorkerOptions{.complete = true}};

const std::string kRefusal = "start worker: the host refuses a part of its confinement: ";

TEST_CASE("a VM works in a worker that gets no namespaces, and says that they are missing") {
  const ScratchDirectory scratch;
  const Snapshot snapshot = snapshot_tiny(scratch.path());
  without_user_namespaces([&] {
    VM vm = VM::restore(snapshot, kConfined);
    vm.pause();
    CHECK(vm.state() == VmState::paused);
    CHECK_NOTHROW(vm.snapshot(scratch.path() / "again").verify());
    const WorkerInfo info = vm.worker().value();
    CHECK_FALSE(info.namespaces);
    CHECK_FALSE(info.empty_root);
    REQUIRE_FALSE(info.missing.empty());
    CHECK(info.missing.front() == "namespaces: Operation not permitted");
  });
}

TEST_CASE("a worker that gets no namespaces is refused where its confinement must be complete") {
  const ScratchDirectory scratch;
  const Snapshot snapshot = snapshot_tiny(scratch.path());
  without_user_namespaces([&] {
    RestoreOptions options = kCompletelyConfined;
    const Error started = error_of([&] { VM::restore(snapshot, options); });
    CHECK(started.kind() == ErrorKind::unsupported);
    CHECK(started.what() == kRefusal + "namespaces: Operation not permitted");
    // A worker that waited was started for any VM.
    options.worker->pool = std::make_shared<WorkerPool>(WorkerOptions{}, 1);
    options.worker->pool->wait_full();
    const Error waited = error_of([&] { VM::restore(snapshot, options); });
    CHECK(waited.kind() == ErrorKind::unsupported);
    CHECK(std::string(waited.what()) == started.what());
  });
}

TEST_CASE("a worker whose confinement must be complete starts where the host refuses nothing") {
  const ScratchDirectory scratch;
  const Snapshot snapshot = snapshot_tiny(scratch.path());
  const auto missing = VM::restore(snapshot, kConfined).worker().value().missing;
  const auto restore = [&] { VM::restore(snapshot, kCompletelyConfined); };
  if (missing.empty()) {
    CHECK_NOTHROW(restore());
  } else {
    CHECK(error_of(restore).what() == kRefusal + missing.front());
  }
}

TEST_CASE("without /proc no worker is started, and the error says so") {
#ifdef __SANITIZE_THREAD__
  SKIP("a process that was forked by one with threads starts none under the thread sanitizer");
#endif
  const auto start = [] { WorkerPool(WorkerOptions{}, 1).wait_full(); };
  CHECK_NOTHROW(start());
  CHECK(test::without_proc(start) == "unsupported: start worker: /proc/self: /proc is not mounted");
}

TEST_CASE("a worker for a cgroup that does not exist is refused, and the error names the file") {
  const ScratchDirectory scratch;
  const Snapshot snapshot = snapshot_tiny(scratch.path());
  const auto cgroup = scratch.path() / "none";
  const Error error =
      error_of([&] { VM::restore(snapshot, {.worker = WorkerOptions{.cgroup = cgroup}}); });
  CHECK(error.kind() == ErrorKind::not_found);
  CHECK(error.path() == (cgroup / "cgroup.procs").string());
}

}  // namespace
}  // namespace faasnap
