// SPDX-License-Identifier: Apache-2.0

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <filesystem>
#include <functional>
#include <iostream>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <thread>

#include <faasnap/error.h>
#include <faasnap/snapshot.h>
#include <faasnap/snapshot_catalogue.h>
#include <faasnap/vm.h>
#include <faasnap/vm_pool.h>
#include <faasnap/working_set_recorder.h>

#include "faulty_calls.h"
#include "redis/redis_fixture.h"
#include "support/small_guest.h"
#include "support/support.h"

// Runs each operation again and again, and lets each of its calls of the system fail in turn, in
// each of the ways in which it can.
namespace faasnap {
namespace {

using faults::CallSite;
using faults::Lasting;
using std::filesystem::path;
using test::answers;
using test::GuestOutput;

// Longer than any operation takes on a busy machine: what waits longer waits forever.
constexpr unsigned kHangSeconds = 180;

// A VM and what it says.
class Guest {
 public:
  explicit Guest(const path& kernel) : vm_(VM::boot(test::small_guest_options(kernel, output_))) {
    if (output_.take(vm_, std::chrono::seconds(60)) != std::string(1, test::kReady)) {
      throw Error(ErrorKind::guest, "boot", {}, "not ready: " + vm_.failure());
    }
  }
  Guest(const Snapshot& snapshot, Setting setting,
        AccessRecording record_accesses = AccessRecording::none)
      : vm_(VM::restore(snapshot, options(setting, record_accesses, output_))) {}

  VM& vm() { return vm_; }

  // Throws if the guest does not answer rightly, with what it died of.
  void require_answer() {
    if (!answers(vm_, output_, 'a')) {
      throw Error(ErrorKind::guest, "answer", {},
                  std::string(to_string(vm_.state())) + ": " + vm_.failure());
    }
  }

  static RestoreOptions options(Setting setting, AccessRecording record_accesses,
                                const GuestOutput& output) {
    RestoreOptions options;
    options.setting = setting;
    options.record_accesses = record_accesses;
    options.attachments.console = output.sink();
    return options;
  }

 private:
  GuestOutput output_;
  VM vm_;
};

std::size_t entries(const path& directory) {
  const std::filesystem::directory_iterator all(directory);
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

// What a process must not lose, however often an operation fails.
struct Held {
  std::size_t descriptors = entries("/proc/self/fd");
  std::size_t threads = entries("/proc/self/task");
  bool exceeds(const Held& other) const {
    return descriptors > other.descriptors || threads > other.threads;
  }
};

// Returns what is held once it is no more than before. The kernel ends io_uring's own threads a
// while after their ring.
Held settled(const Held& before) {
  for (int i = 0; i < 1000 && Held().exceeds(before); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return {};
}

// Skips where there is no KVM that could run a guest.
class Host {
 public:
  Host() {
    try {
      kernel_ = scratch_.path() / "kernel";
      test::write_small_guest(kernel_);
      bystander_.emplace(kernel_);
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::unsupported || error.kind() == ErrorKind::not_found ||
          error.kind() == ErrorKind::permission) {
        SKIP(error.what());
      }
      throw;
    }
    bystander_->vm().pause();
    Guest guest(kernel_);
    const path bare = scratch_.path() / "bare";
    const path middle = scratch_.path() / "middle";
    {
      const Snapshot first = guest.vm().snapshot(bare);
      const WorkingSet recorded = record(first, Recorder::mincore);
      const WorkingSet touched = record(first, Recorder::userfaultfd);
      first.derive(middle, {.working_set = &recorded})
          .derive(snapshot(), {.working_set = &touched});
    }
    Snapshot::remove(bare);
    Snapshot::remove(middle);
    bystander_->vm().resume();
    bystander_->require_answer();
    bystander_->vm().pause();
  }

  const path& kernel() const { return kernel_; }
  // A snapshot with recordings of both kinds.
  path snapshot() const { return scratch_.path() / "whole"; }
  // What an operation makes, if it makes anything.
  path target() const { return scratch_.path() / "target"; }
  const path& directory() const { return scratch_.path(); }

  WorkingSet record(const Snapshot& snapshot, Recorder recorder) const {
    Guest guest(snapshot, Setting::lazy,
                recorder == Recorder::userfaultfd ? AccessRecording::all : AccessRecording::none);
    WorkingSetRecorder recording(snapshot, guest.vm(), {.recorder = recorder});
    guest.require_answer();
    return recording.finish();
  }

  // A VM that has nothing to do with what fails: it must go on.
  void check_bystander() {
    bystander_->vm().resume();
    bystander_->require_answer();
    bystander_->vm().pause();
  }

 private:
  test::ScratchDirectory scratch_;
  path kernel_;
  std::optional<Guest> bystander_;
};

using Operation = std::function<void(Host&)>;

void give_up(int) { ::abort(); }

struct Outcome {
  bool succeeded = false;
  std::string error{};
  // What came out that is no error of the library.
  std::string foreign{};
};

// Calls `arm` and then the operation on a thread of their own: from there up the stack is always
// the same.
Outcome attempt(Host& host, const Operation& operation, const std::function<void()>& arm = {}) {
  ::alarm(kHangSeconds);
  Outcome outcome;
  std::thread([&] {
    if (arm) {
      arm();
    }
    try {
      operation(host);
      outcome.succeeded = true;
    } catch (const Error& error) {
      outcome.error = error.what();
    } catch (const std::exception& error) {
      outcome.foreign = error.what();
    }
  }).join();
  return outcome;
}

// True if the call writes what must not be lost: there is no way around its failure.
bool must_be_told(const CallSite& site, int failure) {
  static const std::set<std::string, std::less<>> kWrites{"fsync",    "fdatasync", "pwrite",
                                                          "pwrite64", "ftruncate", "ftruncate64"};
  return kWrites.contains(site.call) && failure != EINTR && failure != faults::kShort;
}

void check_one(Host& host, const Operation& operation, const CallSite& site, int failure,
               Lasting lasting, std::map<std::string, unsigned>& counts) {
  const Held before;
  const Outcome outcome = attempt(host, operation, [&] { faults::fail(site, failure, lasting); });
  const unsigned failed = faults::failed();
  INFO("failed " << failed << " times; error: " << outcome.error);
  ++counts["faults"];
  counts["never reached"] += failed == 0;
  ++counts[outcome.succeeded ? "succeeded all the same" : "told by an error"];
  CHECK(outcome.foreign == "");
  CHECK((outcome.succeeded || outcome.error.size() > 8));
  CHECK_FALSE((outcome.succeeded && must_be_told(site, failure)));
  // A snapshot is there whole, or not at all.
  if (std::filesystem::exists(host.target())) {
    CHECK_NOTHROW(Snapshot::open(host.target()).verify());
    Snapshot::remove(host.target());
  }
  const Held after = settled(before);
  CHECK(after.descriptors == before.descriptors);
  // Before, a thread of the last operation may still have been on its way out.
  CHECK(after.threads <= before.threads);
}

void check_every_fault(const char* name, const Operation& operation) {
  ::signal(SIGALRM, give_up);
  Host host;
  const auto clean = [&] { std::filesystem::remove_all(host.target()); };
  attempt(host, operation);  // whatever is made once in a process is made
  clean();
  const std::size_t files = entries(host.directory());
  attempt(host, operation, [] { faults::watch(); });
  const auto sites = faults::sites();
  clean();
  REQUIRE(!sites.empty());
  std::map<std::string, unsigned> counts;
  counts["sites"] = static_cast<unsigned>(sites.size());
  for (const CallSite& site : sites) {
    for (const int failure : site.failures) {
      for (const Lasting lasting : {Lasting::once, Lasting::forever}) {
        const bool transient = failure == EINTR || failure == EAGAIN || failure == faults::kShort;
        if (lasting == Lasting::forever && transient) {
          continue;
        }
        INFO(site.call << ' ' << std::hex << site.request << ", site " << site.stack << std::dec
                       << ": " << (failure == faults::kShort ? "half" : ::strerrorname_np(failure))
                       << (lasting == Lasting::once ? ", once" : ", from then on"));
        check_one(host, operation, site, failure, lasting, counts);
        if (site.call != "unlink") {
          CHECK(entries(host.directory()) == files);
        }
        for (const auto& entry : std::filesystem::directory_iterator(host.directory())) {
          if (entry.path().filename().string().starts_with('.')) {
            std::filesystem::remove_all(entry.path());
          }
        }
      }
    }
    INFO("after " << site.call << ", site " << std::hex << site.stack);
    const Outcome again = attempt(host, operation);
    CHECK(again.error == "");
    clean();
    CHECK_NOTHROW(host.check_bystander());
  }
  CHECK_NOTHROW(Snapshot::open(host.snapshot()).verify());
  ::alarm(0);
  std::cout << name << ':';
  for (const auto& [what, count] : counts) {
    std::cout << ' ' << count << ' ' << what << ';';
  }
  std::cout << '\n';
}

TEST_CASE("whatever fails while a VM boots, the caller is told, and others go on") {
  check_every_fault("boot", [](Host& host) { Guest(host.kernel()).require_answer(); });
}

TEST_CASE(
    "whatever fails while a snapshot is taken, it is whole or not there, and the VM goes on") {
  check_every_fault("snapshot", [](Host& host) {
    Guest guest(host.kernel());
    guest.vm().snapshot(host.target());
    guest.require_answer();
  });
}

TEST_CASE("whatever fails while a VM is restored, the guest has its memory or ends with a reason") {
  for (const Setting setting : kAllSettings) {
    DYNAMIC_SECTION(to_string(setting)) {
      check_every_fault(to_string(setting), [setting](Host& host) {
        Guest guest(Snapshot::open(host.snapshot()), setting);
        guest.require_answer();
        guest.vm().wait_loaded();
      });
    }
  }
}

TEST_CASE("whatever fails while a prepared VM is taken, the pool goes on") {
  check_every_fault("pool", [](Host& host) {
    const GuestOutput output;
    VmPool pool(Snapshot::open(host.snapshot()),
                Guest::options(Setting::stream, AccessRecording::none, output), 1);
    pool.wait_full();
    VM vm = pool.take();
    if (!answers(vm, output, 'p')) {
      throw Error(ErrorKind::guest, "answer", {}, vm.failure());
    }
  });
}

TEST_CASE("whatever fails while a function is recorded, the snapshot is whole or not there") {
  for (const Recorder recorder : {Recorder::mincore, Recorder::userfaultfd}) {
    DYNAMIC_SECTION((recorder == Recorder::mincore ? "mincore" : "userfaultfd")) {
      check_every_fault("record", [recorder](Host& host) {
        const Snapshot snapshot = Snapshot::open(host.snapshot());
        const WorkingSet recorded = host.record(snapshot, recorder);
        snapshot.derive(host.target(), {.working_set = &recorded});
      });
    }
  }
}

TEST_CASE("whatever fails while a snapshot is read through, it is not called right") {
  check_every_fault("verify", [](Host& host) { Snapshot::open(host.snapshot()).verify(); });
}

TEST_CASE("whatever fails while a snapshot is shared, the catalogue has it whole or not at all") {
  const test::RedisServer redis;
  const test::ScratchDirectory scratch;
  const path shared = scratch.path() / "shared";
  int catalogues = 0;
  RedisOptions options = redis.options();
  const auto empty_catalogue = [&] {
    std::filesystem::remove_all(shared);
    std::filesystem::create_directory(shared);
    options.prefix = std::to_string(++catalogues) + ":";
    return SnapshotCatalogue(options, shared);
  };
  SECTION("push") {
    check_every_fault("push", [&](Host& host) {
      SnapshotCatalogue catalogue = empty_catalogue();
      catalogue.push(Snapshot::open(host.snapshot()), "function");
      if (catalogue.find("function")->versions.size() != 1) {
        throw Error(ErrorKind::io, "push", {}, "is not found again");
      }
    });
  }
  SECTION("pull") {
    check_every_fault("pull", [&](Host& host) {
      if (catalogues == 0) {
        empty_catalogue().push(Snapshot::open(host.snapshot()), "function");
      }
      SnapshotCatalogue(options, shared).pull("function", host.target());
    });
  }
}

// True if the file with a line for each mapping was opened since faults::watch(), whose cost grows
// with all that the process has mapped.
bool has_read_smaps() {
  return std::ranges::any_of(faults::sites(), [](const CallSite& site) {
    return site.path.find("smaps") != std::string::npos;
  });
}

TEST_CASE("nothing on the way of a request reads what grows with the process") {
  Host host;
  const GuestOutput output;
  faults::watch();
  {
    VmPool pool(Snapshot::open(host.snapshot()),
                Guest::options(Setting::stream, AccessRecording::none, output), 2);
    pool.wait_full();
    VM vm = pool.take();
    CHECK(answers(vm, output, 'p'));
    vm.stats();
    pool.wait_full();
  }
  CHECK_FALSE(has_read_smaps());
  for (const Setting setting : kAllSettings) {
    faults::watch();
    {
      Guest guest(Snapshot::open(host.snapshot()), setting);
      guest.require_answer();
      guest.vm().wait_loaded();
      guest.vm().stats();
    }
    CHECK_FALSE(has_read_smaps());
  }
  // Who asks for it gets it.
  Guest guest(Snapshot::open(host.snapshot()), Setting::lazy);
  faults::watch();
  guest.vm().memory_usage();
  CHECK(has_read_smaps());
}

// Runs `body` in a process of its own, kills it after `lifetime`, and returns whether it had ended.
bool ended_before(std::chrono::microseconds lifetime, const std::function<void()>& body) {
  const pid_t child = ::fork();
  if (child == 0) {
    body();
    ::_exit(0);
  }
  std::this_thread::sleep_for(lifetime);
  ::kill(child, SIGKILL);
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

TEST_CASE("a process that is killed leaves its snapshot whole, or none") {
  const test::ScratchDirectory scratch;
  const path kernel = scratch.path() / "kernel";
  const path target = scratch.path() / "target";
  test::write_small_guest(kernel);
  const auto body = [&] { Guest(kernel).vm().snapshot(target); };
  const auto began = std::chrono::steady_clock::now();
  try {
    body();
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::unsupported || error.kind() == ErrorKind::not_found ||
        error.kind() == ErrorKind::permission) {
      SKIP(error.what());
    }
    throw;
  }
  const auto whole = std::chrono::duration_cast<std::chrono::microseconds>(
      std::chrono::steady_clock::now() - began);
  Snapshot::remove(target);
  constexpr int kMoments = 40;
  for (int moment = 1; moment <= kMoments; ++moment) {
    // The last moments come after the usual end.
    const bool ended = ended_before(whole * moment / (kMoments - 8), body);
    CAPTURE(moment, ended);
    if (std::filesystem::exists(target)) {
      CHECK_NOTHROW(Snapshot::open(target).verify());
      Snapshot::remove(target);
    } else {
      CHECK_FALSE(ended);
    }
  }
  CHECK_NOTHROW(body());
}

}  // namespace
}  // namespace faasnap
