// SPDX-License-Identifier: Apache-2.0

#include <fmt/format.h>
#include <malloc.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cxxopts.hpp>
#include <exception>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <faasnap/error.h>
#include <faasnap/snapshot.h>
#include <faasnap/vm.h>
#include <faasnap/vm_pool.h>
#include <faasnap/working_set_recorder.h>

#include "faulty_calls.h"
#include "support/small_guest.h"
#include "support/support.h"

// Boots, restores, records, snapshots, pauses and stops small guests at random, from several
// threads and processes, while now and then calls of the system fail and processes are killed.
// Whatever a guest answers is checked, and at the end what the process still holds.
namespace faasnap {
namespace {

using Clock = std::chrono::steady_clock;
using std::filesystem::path;
using test::GuestOutput;

constexpr std::chrono::seconds kWarmUp(5);

struct Wishes {
  std::chrono::seconds lasting{60};
  unsigned threads = 4;
  std::uint64_t seed = 0;
  // One call of the system in so many fails during a storm.
  unsigned one_in = 3000;
};

// What the process has of the host.
struct Held {
  std::size_t descriptors = 0;
  std::size_t threads = 0;
  std::size_t mappings = 0;
  std::size_t resident_kib = 0;
  // Of the allocator's memory, what is in use: no more of it than before, whatever the allocator
  // keeps for later.
  std::size_t allocated = 0;
};

// What each operation may leave allocated. A leak of one string for each VM is more.
constexpr std::size_t kAllocatedByOne = 16;
// What all of them may, however many there are: buffers that a thread of the library or of the C
// library keeps.
constexpr std::size_t kAllocatedByAll = 64 << 10;

std::size_t entries(const path& directory) {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(directory)) {
    ++count;
  }
  return count;
}

Held held() {
  ::malloc_trim(0);
  const struct mallinfo2 memory = ::mallinfo2();
  Held held{.descriptors = entries("/proc/self/fd"),
            .threads = entries("/proc/self/task"),
            .allocated = memory.uordblks + memory.hblkhd};
  std::string line;
  for (std::ifstream maps("/proc/self/maps"); std::getline(maps, line);) {
    ++held.mappings;
  }
  for (std::ifstream status("/proc/self/status"); std::getline(status, line);) {
    if (line.starts_with("RssAnon:")) {
      held.resident_kib = std::stoul(line.substr(8));
    }
  }
  return held;
}

class WrongAnswer : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Everything that the threads share.
class Soak {
 public:
  Soak(const Wishes& wishes, path directory) : wishes_(wishes), directory_(std::move(directory)) {}

  // Makes what the guests are started from, and returns whether all went well.
  bool run();
  // Works in a directory where another process has made that.
  [[noreturn]] void run_until_killed();

 private:
  using Random = std::mt19937_64;
  struct Operation {
    const char* name;
    void (Soak::*run)(Random&);
    // Restores and invocations are most of what a host does.
    unsigned weight;
  };
  static constexpr std::size_t kOperations = 5;
  static const std::array<Operation, kOperations>& operations();

  path kernel() const { return directory_ / "kernel"; }
  path snapshot() const { return directory_ / "snapshot"; }
  path new_name() { return directory_ / fmt::format("made-{}-{}", ::getpid(), names_++); }

  void make_snapshot();
  void boot(Random& random);
  void restore(Random& random);
  void prepare(Random& random);
  void record(Random& random);
  void save(Random& random);

  void work(std::uint64_t seed, const std::atomic<bool>& stop);
  // Runs the threads, and with them the weather.
  void work_until(Clock::time_point end, bool stormy);
  void storms(Clock::time_point end);
  void murder(std::uint64_t seed);
  // Looks at what was left unfinished by whoever was killed or could not remove it, and removes it.
  void clear_up();
  void say_progress(Clock::time_point began, Clock::time_point end) const;

  const Wishes wishes_;
  const path directory_;
  std::atomic<unsigned> names_ = 0;
  std::array<std::atomic<std::uint64_t>, kOperations> done_{};
  std::atomic<std::uint64_t> answers_ = 0;
  std::atomic<std::uint64_t> errors_ = 0;
  std::atomic<std::uint64_t> faults_ = 0;
  std::atomic<std::uint64_t> killed_ = 0;
  // Whole snapshots and unfinished ones that nobody has removed.
  std::uint64_t left_ = 0;
  // Odd while calls fail. An operation that has lived in a storm may end with an error.
  std::atomic<unsigned> weather_ = 0;
  std::mutex mutex_;
  std::vector<std::string> defects_;

  void ask(VM& vm, const GuestOutput& output, Random& random);
  void note_defect(const std::string& what) {
    const std::lock_guard lock(mutex_);
    defects_.push_back(what);
    std::cerr << "soak: " << what << std::endl;
  }
};

RestoreOptions restore_options(Setting setting, const GuestOutput& output) {
  RestoreOptions options;
  options.setting = setting;
  options.attachments.console = output.sink();
  return options;
}

const std::array<Soak::Operation, Soak::kOperations>& Soak::operations() {
  static const std::array<Operation, kOperations> all{{
      {"restore", &Soak::restore, 24},
      {"boot", &Soak::boot, 2},
      {"prepare", &Soak::prepare, 4},
      {"record", &Soak::record, 1},
      {"snapshot", &Soak::save, 2},
  }};
  return all;
}

void Soak::ask(VM& vm, const GuestOutput& output, Random& random) {
  const auto byte = static_cast<char>(random());
  if (test::answers(vm, output, byte)) {
    ++answers_;
  } else if (is_final(vm.state())) {
    throw Error(ErrorKind::guest, "answer", {}, vm.failure());
  } else {
    throw WrongAnswer("a guest gave a wrong answer, or none");
  }
}

void Soak::make_snapshot() {
  const GuestOutput output;
  VM vm = VM::boot(test::small_guest_options(kernel(), output));
  output.take(vm, std::chrono::seconds(60));
  const Snapshot bare = vm.snapshot(directory_ / "bare");
  const auto recorded = [&](Recorder recorder) {
    const GuestOutput heard;
    RestoreOptions options = restore_options(Setting::lazy, heard);
    options.record_accesses =
        recorder == Recorder::userfaultfd ? AccessRecording::all : AccessRecording::none;
    VM restored = VM::restore(bare, options);
    WorkingSetRecorder recording(bare, restored, {.recorder = recorder});
    test::answers(restored, heard, 'a');
    return recording.finish();
  };
  const WorkingSet pages = recorded(Recorder::mincore);
  const WorkingSet touches = recorded(Recorder::userfaultfd);
  bare.derive(directory_ / "middle", {.working_set = &pages})
      .derive(snapshot(), {.working_set = &touches});
  Snapshot::remove(directory_ / "bare");
  Snapshot::remove(directory_ / "middle");
}

void Soak::boot(Random& random) {
  const GuestOutput output;
  VM vm = VM::boot(test::small_guest_options(kernel(), output));
  if (output.take(vm, std::chrono::seconds(60)) != std::string(1, test::kReady)) {
    throw Error(ErrorKind::guest, "boot", {}, vm.failure());
  }
  ask(vm, output, random);
}

void Soak::restore(Random& random) {
  const GuestOutput output;
  const Setting setting = kAllSettings[random() % kAllSettings.size()];
  VM vm = VM::restore(Snapshot::open(snapshot()), restore_options(setting, output));
  for (std::uint64_t left = random() % 3; left > 0; --left) {
    ask(vm, output, random);
  }
  switch (random() % 4) {
    case 0:
      vm.pause();
      vm.resume();
      ask(vm, output, random);
      break;
    case 1:
      vm.stop();
      break;
    case 2:
      vm.wait_loaded();
      break;
    default:
      break;  // ends while it loads
  }
}

void Soak::prepare(Random& random) {
  const GuestOutput output;
  const Setting setting = random() % 2 == 0 ? Setting::stream : Setting::faasnap;
  PreparedVM prepared = VM::prepare(Snapshot::open(snapshot()), restore_options(setting, output));
  if (random() % 4 != 0) {
    VM vm = prepared.start();
    ask(vm, output, random);
  }
}

void Soak::record(Random& random) {
  const Snapshot source = Snapshot::open(snapshot());
  const auto recorder = random() % 2 == 0 ? Recorder::mincore : Recorder::userfaultfd;
  const GuestOutput output;
  RestoreOptions options = restore_options(Setting::lazy, output);
  options.record_accesses =
      recorder == Recorder::userfaultfd ? AccessRecording::all : AccessRecording::none;
  VM vm = VM::restore(source, options);
  WorkingSetRecorder recording(source, vm, {.recorder = recorder});
  ask(vm, output, random);
  const WorkingSet recorded = recording.finish();
  const path made = new_name();
  source.derive(made, {.working_set = &recorded}).verify();
  Snapshot::remove(made);
}

void Soak::save(Random& random) {
  const GuestOutput output;
  const Setting setting = kAllSettings[random() % kAllSettings.size()];
  VM vm = VM::restore(Snapshot::open(snapshot()), restore_options(setting, output));
  if (random() % 2 == 0) {
    ask(vm, output, random);
  }
  const path made = new_name();
  {
    const Snapshot second = vm.snapshot(made);
    second.verify();
    const GuestOutput heard;
    VM clone = VM::restore(second, restore_options(Setting::lazy, heard));
    ask(clone, heard, random);
  }
  ask(vm, output, random);
  Snapshot::remove(made);
}

// One thread of the soak.
void Soak::work(std::uint64_t seed, const std::atomic<bool>& stop) {
  Random random(seed);
  std::vector<double> weights;
  for (const Operation& operation : operations()) {
    weights.push_back(operation.weight);
  }
  std::discrete_distribution<std::size_t> draw(weights.begin(), weights.end());
  while (!stop) {
    const std::size_t chosen = draw(random);
    const Operation& operation = operations()[chosen];
    const unsigned before = weather_;
    try {
      (this->*operation.run)(random);
      ++done_[chosen];
    } catch (const Error& error) {
      ++errors_;
      if (before % 2 == 0 && weather_ == before) {
        note_defect(fmt::format("{} failed though no call did: {}", operation.name, error.what()));
      }
    } catch (const std::exception& error) {
      note_defect(fmt::format("{}: {}", operation.name, error.what()));
    }
  }
}

// Lets calls fail for a while, now and then.
void Soak::storms(Clock::time_point end) {
  Random random(wishes_.seed);
  while (Clock::now() < end) {
    std::this_thread::sleep_for(std::chrono::seconds(4));
    ++weather_;
    faults::fail_at_random(wishes_.one_in, random());
    std::this_thread::sleep_for(std::chrono::seconds(1));
    faults_ += faults::failed();
    // What runs now has begun in the storm; it may still meet its errors.
    ++weather_;
    murder(random());
  }
}

void Soak::run_until_killed() {
  const std::atomic<bool> never = false;
  work(wishes_.seed, never);
  std::terminate();
}

// Kills a process in the middle of its work, and finds out whether that hurts anybody else.
void Soak::murder(std::uint64_t seed) {
  const pid_t child = ::fork();
  if (child == 0) {
    // This program again: a process of several threads cannot go on in a fork.
    const std::string directory = directory_.string();
    const std::string number = std::to_string(seed);
    ::execl("/proc/self/exe", "soak", "--victim", directory.c_str(), "--seed", number.c_str(),
            static_cast<char*>(nullptr));
    ::_exit(127);
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(200 + seed % 800));
  ::kill(child, SIGKILL);
  int status = 0;
  ::waitpid(child, &status, 0);
  if (!WIFSIGNALED(status)) {
    note_defect(fmt::format("a process ended by itself, with status {:#x}", status));
  }
  ++killed_;
}

void Soak::clear_up() {
  for (const auto& entry : std::filesystem::directory_iterator(directory_)) {
    const std::string name = entry.path().filename();
    const bool unfinished = name.starts_with(".") || name.find(".partial-") != std::string::npos;
    if (name.starts_with("made-") && !unfinished) {
      try {
        // The manifest comes with the name, and goes first: without it somebody was killed who
        // removed the snapshot, and the rest can be removed.
        if (std::filesystem::exists(entry.path() / "manifest")) {
          Snapshot::open(entry.path()).verify();
        } else if (!std::filesystem::is_empty(entry.path())) {
          Snapshot::remove(entry.path());
        }
      } catch (const Error& error) {
        note_defect(fmt::format("a snapshot is neither whole nor gone: {}", error.what()));
      }
    }
    if (name.starts_with("made-") || unfinished) {
      std::filesystem::remove_all(entry.path());
      ++left_;
    }
  }
}

void Soak::say_progress(Clock::time_point began, Clock::time_point end) const {
  if (::isatty(STDERR_FILENO) == 0) {
    return;
  }
  const auto seconds = [](auto duration) {
    return std::chrono::duration_cast<std::chrono::seconds>(duration).count();
  };
  std::cerr << fmt::format("\r{} of {} s: {} answers, {} errors after {} faults, {} killed ",
                           seconds(Clock::now() - began), seconds(end - began), answers_.load(),
                           errors_.load(), faults_.load(), killed_.load());
}

void Soak::work_until(Clock::time_point end, bool stormy) {
  const auto began = Clock::now();
  std::atomic<bool> stop = false;
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < wishes_.threads; ++i) {
    threads.emplace_back([this, i, &stop] { work(wishes_.seed + i, stop); });
  }
  std::thread weather([this, end, stormy] {
    if (stormy) {
      storms(end);
    }
  });
  while (Clock::now() < end) {
    std::this_thread::sleep_for(std::chrono::seconds(1));
    say_progress(began, end);
  }
  weather.join();
  stop = true;
  for (std::thread& thread : threads) {
    thread.join();
  }
}

bool Soak::run() {
  test::write_small_guest(kernel());
  make_snapshot();
  // Whatever a process and an allocator make once is made.
  work_until(Clock::now() + kWarmUp, false);
  const Held before = held();
  for (auto& count : done_) {
    count = 0;
  }
  answers_ = 0;
  work_until(Clock::now() + wishes_.lasting, true);
  clear_up();
  // The kernel ends io_uring's own threads a while after their ring.
  for (int i = 0; i < 200 && entries("/proc/self/task") != before.threads; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  const Held after = held();
  fmt::print("\n{:<12}{:>10}{:>10}\n", "held", "start", "end");
  fmt::print("{:<12}{:>10}{:>10}\n", "descriptors", before.descriptors, after.descriptors);
  fmt::print("{:<12}{:>10}{:>10}\n", "threads", before.threads, after.threads);
  fmt::print("{:<12}{:>10}{:>10}\n", "mappings", before.mappings, after.mappings);
  fmt::print("{:<12}{:>10}{:>10}\n", "memory, KiB", before.resident_kib, after.resident_kib);
  fmt::print("{:<12}{:>10}{:>10}\n\n", "in use, KiB", before.allocated >> 10,
             after.allocated >> 10);
  for (std::size_t i = 0; i < kOperations; ++i) {
    fmt::print("{:<12}{:>10}\n", operations()[i].name, done_[i].load());
  }
  const std::pair<const char*, std::uint64_t> counts[] = {
      {"answers", answers_}, {"faults", faults_},  {"errors", errors_},
      {"killed", killed_},   {"left over", left_}, {"defects", defects_.size()}};
  for (const auto& [what, count] : counts) {
    fmt::print("{:<12}{:>10}\n", what, count);
  }
  if (after.descriptors != before.descriptors || after.threads != before.threads) {
    note_defect("descriptors or threads are left over");
  }
  // Arenas of the allocator come and go with threads.
  if (after.mappings > before.mappings + 16 * wishes_.threads ||
      after.resident_kib > before.resident_kib + (32 << 10)) {
    note_defect("mappings or memory have grown");
  }
  std::uint64_t all = 0;
  for (const auto& count : done_) {
    all += count;
  }
  if (after.allocated > before.allocated + kAllocatedByAll + all * kAllocatedByOne) {
    note_defect(fmt::format("{} operations left {} bytes allocated", all,
                            after.allocated - before.allocated));
  }
  return defects_.empty();
}

std::uint64_t new_seed() {
  std::random_device device;
  return (static_cast<std::uint64_t>(device()) << 32) | device();
}

int run_soak(int argc, char** argv) {
  cxxopts::Options options("soak", "Lets small guests live and die at random, and checks each.\n");
  options.add_options()                                                                       //
      ("seconds", "how long", cxxopts::value<unsigned>()->default_value("60"), "N")           //
      ("threads", "how many at a time", cxxopts::value<unsigned>()->default_value("4"), "N")  //
      ("one-in", "in a storm one call of the system in N fails",
       cxxopts::value<unsigned>()->default_value("3000"), "N")                             //
      ("seed", "repeats a run's choices", cxxopts::value<std::uint64_t>(), "N")            //
      ("victim", "works in DIR until it is killed", cxxopts::value<std::string>(), "DIR")  //
      ("help", "this text");
  const auto parsed = options.parse(argc, argv);
  if (parsed.count("help") != 0) {
    std::cout << options.help() << "example: soak --seconds 3600 --threads 8\n";
    return 0;
  }
  Wishes wishes;
  wishes.lasting = std::chrono::seconds(parsed["seconds"].as<unsigned>());
  wishes.threads = parsed["threads"].as<unsigned>();
  wishes.one_in = parsed["one-in"].as<unsigned>();
  wishes.seed = parsed.count("seed") != 0 ? parsed["seed"].as<std::uint64_t>() : new_seed();
  if (parsed.count("victim") != 0) {
    Soak(wishes, parsed["victim"].as<std::string>()).run_until_killed();
  }
  fmt::print("seed {}\n", wishes.seed);
  const test::ScratchDirectory scratch;
  return Soak(wishes, scratch.path()).run() ? 0 : 1;
}

}  // namespace
}  // namespace faasnap

int main(int argc, char** argv) {
  try {
    return faasnap::run_soak(argc, argv);
  } catch (const cxxopts::exceptions::exception& error) {
    std::cerr << "soak: " << error.what() << '\n';
    return 2;
  } catch (const std::exception& error) {
    std::cerr << "soak: " << error.what() << '\n';
    return 1;
  }
}
