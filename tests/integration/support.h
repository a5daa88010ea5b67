// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <faasnap/error.h>
#include <faasnap/function_host.h>
#include <faasnap/guest_channel.h>
#include <faasnap/snapshot.h>
#include <faasnap/vm.h>
#include <faasnap/working_set.h>
#include <faasnap/working_set_recorder.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace faasnap::test {

inline constexpr auto kPatience = std::chrono::minutes(5);
// An emulated processor takes minutes to import the largest packages of the full image.
inline constexpr auto kInvocationPatience = std::chrono::seconds(400);
// How far a guest's clock may be off: what a request that told it the time may have been on its way
// in a lab beside other work. Less than any wait that it is held against.
inline constexpr auto kClockTolerance = std::chrono::seconds(1);

// $FAASNAP_IMAGES: what rootfs/build made.
std::filesystem::path images();
// $FAASNAP_DATA (or /data): a directory on a disk, for snapshots.
std::filesystem::path data_directory();
// A path below it where nothing is.
std::filesystem::path fresh_path(const std::string& name);

// Ends the test with SKIP where no VM can run at speed.
void require_kvm();

// What the console of a guest has said so far.
class ConsoleLog {
 public:
  ConsoleSink sink() const;
  std::string text() const;

 private:
  struct Shared {
    std::mutex mutex;
    std::string text;
  };
  std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
};

// Where the VM of a test is: in a process of its own, as the command and the examples have it, or
// in this one.
enum class Place { worker, here };
std::optional<WorkerOptions> worker_at(Place place);

VmOptions boot_options(const std::string& more_words = "", Place place = Place::worker);

// Options of a restore that allow the images of images().
RestoreOptions restored_with(Setting setting, Place place = Place::worker);

// A VM whose functions have a store with the generated inputs.
class Guest {
 public:
  static Guest boot(const VmOptions& options = boot_options());
  // Adds images() to the directories that the snapshot's images may be in.
  static Guest restore(const Snapshot& snapshot, RestoreOptions options = {},
                       Place place = Place::worker);
  // A VM that runs already.
  static Guest serve(VM vm) { return Guest(std::move(vm)); }

  VM& vm() { return *vm_; }
  GuestChannel channel() { return GuestChannel(*vm_); }
  nlohmann::json health();
  // How far the guest's own clock, which nothing but the guest has set, is from the host's; at
  // least, since the time that the answer takes is not counted.
  std::chrono::nanoseconds clock_error();
  // The function's result; fails the test when there is none.
  nlohmann::json invoke(const std::string& function, const nlohmann::json& input);

 private:
  explicit Guest(VM vm);

  std::unique_ptr<FunctionHost> host_;
  std::unique_ptr<VM> vm_;
};

// A snapshot of a guest that has booted and answered once, with a shell on its console and the
// requests of tests; made by the test that all others require.
std::filesystem::path base_directory();
Snapshot base_snapshot();
// A clone of it whose console is `console`.
Guest restore_base(const ConsoleLog& console);
// Has the shell on the console of such a guest run a script, and waits until that is done.
void run_in_shell(Guest& guest, const ConsoleLog& console, const std::string& script);
// What the function uses with `input` in a restored guest.
WorkingSet record(const Snapshot& image, Recorder recorder, const std::string& function,
                  const nlohmann::json& input);
// The image with what the function uses, recorded both ways: a snapshot of every setting.
Snapshot record(const Snapshot& image, const std::string& function, const nlohmann::json& input,
                const std::filesystem::path& path);
// The base snapshot with what the function hello uses, recorded both ways: of every setting. Made
// on first use, and kept.
Snapshot recorded_snapshot();

// The names of the functions that the guest image has.
std::vector<std::string> image_functions();
// The same code outside any VM: what rootfs/runtime/python/run_function.py prints. Run once in a
// process for each input.
const nlohmann::json& run_outside(const std::string& function, const nlohmann::json& input);
// The function's parameters from rootfs/functions/inputs.json: "quick" or "e1", first or second.
nlohmann::json declared_input(const std::string& function, std::size_t index);

}  // namespace faasnap::test
