// SPDX-License-Identifier: Apache-2.0

#include "support.h"

#include <faasnap/directory_store.h>
#include <faasnap/host.h>
#include <faasnap/object_store_server.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <catch2/catch_test_macros.hpp>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <thread>

namespace faasnap::test {
namespace {

std::string from_environment(const char* name, const char* otherwise) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : otherwise;
}

std::string output_of(const std::string& command) {
  FILE* pipe = ::popen(command.c_str(), "r");
  REQUIRE(pipe != nullptr);
  std::string output;
  std::array<char, 4096> buffer;
  for (std::size_t got; (got = std::fread(buffer.data(), 1, buffer.size(), pipe)) > 0;) {
    output.append(buffer.data(), got);
  }
  INFO(command);
  REQUIRE(::pclose(pipe) == 0);
  return output;
}

nlohmann::json compute_outside(const std::string& function, const nlohmann::json& input) {
  const auto socket = std::filesystem::temp_directory_path() /
                      ("faasnap-store-" + std::to_string(::getpid()) + ".sock");
  ObjectStoreServer store(std::make_shared<DirectoryStore>(images() / "inputs"));
  store.listen(socket);
  const std::string root = FAASNAP_SOURCE_DIR "/rootfs/";
  return nlohmann::json::parse(output_of(root + "python " + (images() / "tree").string() + " " +
                                         root + "runtime/python/run_function.py --function " +
                                         function + " --store unix:" + socket.string() +
                                         " --input '" + input.dump() + "'"));
}

}  // namespace

std::filesystem::path images() { return from_environment("FAASNAP_IMAGES", "build/images"); }

std::filesystem::path data_directory() {
  const std::filesystem::path path =
      std::filesystem::path(from_environment("FAASNAP_DATA", "/data")) / "integration";
  std::filesystem::create_directories(path);
  return path;
}

std::filesystem::path fresh_path(const std::string& name) {
  const auto path = data_directory() / name;
  std::filesystem::remove_all(path);
  return path;
}

void require_kvm() {
  // In the lab the question has been answered; asked again under load it might get another answer.
  static const bool usable =
      std::getenv("FAASNAP_IN_LAB") != nullptr || inspect_kvm().runs_vms_at_speed;
  if (!usable) {
    SKIP("no KVM at speed on this host");
  }
}

ConsoleSink ConsoleLog::sink() const {
  return [shared = shared_](std::string_view text) {
    const std::lock_guard lock(shared->mutex);
    shared->text += text;
  };
}

std::string ConsoleLog::text() const {
  const std::lock_guard lock(shared_->mutex);
  return shared_->text;
}

std::optional<WorkerOptions> worker_at(Place place) {
  return place == Place::worker ? std::optional(WorkerOptions{}) : std::nullopt;
}

VmOptions boot_options(const std::string& more_words, Place place) {
  VmOptions options;
  options.worker = worker_at(place);
  options.memory = 512_MiB;
  options.kernel = images() / "vmlinuz";
  options.initramfs = images() / "initramfs";
  options.root_image = images() / "rootfs.img";
  options.command_line = "console=ttyS0 quiet reboot=k panic=-1 root=/dev/vda ro " + more_words;
  return options;
}

RestoreOptions restored_with(Setting setting, Place place) {
  return {.setting = setting, .image_directories = {images()}, .worker = worker_at(place)};
}

Guest::Guest(VM vm)
    : host_(std::make_unique<FunctionHost>(std::make_shared<DirectoryStore>(images() / "inputs"))),
      vm_(std::make_unique<VM>(std::move(vm))) {
  host_->attach(*vm_);
}

Guest Guest::boot(const VmOptions& options) {
  Guest guest(VM::boot(options));
  guest.channel().wait_ready(kPatience);
  // Until kvm-clock takes over, late in its boot, a kernel keeps time by counting ticks, and loses
  // those that slow emulation swallows. A request tells the agent the time, as an invocation does.
  guest.channel().request("GET", "/healthz", "", kPatience);
  return guest;
}

Guest Guest::restore(const Snapshot& snapshot, RestoreOptions options, Place place) {
  options.image_directories.push_back(images());
  options.worker = worker_at(place);
  return Guest(VM::restore(snapshot, options));
}

nlohmann::json Guest::health() { return nlohmann::json::parse(channel().wait_ready(kPatience)); }

std::chrono::nanoseconds Guest::clock_error() {
  const auto now = [] { return std::chrono::system_clock::now().time_since_epoch(); };
  GuestStream stream = vm_->connect(kAgentPort, kPatience);
  const std::chrono::nanoseconds earliest = now();
  // Not the channel's request, which tells the agent the time.
  const std::string request = "GET /healthz HTTP/1.1\r\nHost: guest\r\nConnection: close\r\n\r\n";
  stream.write(std::as_bytes(std::span(request)));
  std::string reply;
  std::array<std::byte, 4096> buffer;
  while (const std::size_t got = stream.read(buffer, kPatience)) {
    reply.append(reinterpret_cast<const char*>(buffer.data()), got);
  }
  const auto body = nlohmann::json::parse(reply.substr(reply.find("\r\n\r\n") + 4));
  const std::chrono::nanoseconds guest(body.at("time_ns").get<std::int64_t>());
  const std::chrono::nanoseconds latest = now();
  return std::max({std::chrono::nanoseconds(0), earliest - guest, guest - latest});
}

nlohmann::json Guest::invoke(const std::string& function, const nlohmann::json& input) {
  const auto reply = host_->invoke(*vm_, function, input.dump(), {.timeout = kInvocationPatience});
  return nlohmann::json::parse(reply.result);
}

std::filesystem::path base_directory() { return data_directory() / "base"; }

Snapshot base_snapshot() { return Snapshot::open(base_directory()); }

Guest restore_base(const ConsoleLog& console) {
  RestoreOptions options;
  options.attachments.console = console.sink();
  return Guest::restore(base_snapshot(), options);
}

void run_in_shell(Guest& guest, const ConsoleLog& console, const std::string& script) {
  guest.vm().write_console(script + "\necho script''done\n");
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (console.text().find("scriptdone") == std::string::npos) {
    INFO(console.text());
    REQUIRE(std::chrono::steady_clock::now() < end);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

std::vector<std::string> image_functions() {
  std::vector<std::string> names;
  for (const auto& entry :
       std::filesystem::directory_iterator(images() / "tree/opt/faasnap/functions")) {
    if (entry.path().extension() == ".py") {
      names.push_back(entry.path().stem());
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

WorkingSet record(const Snapshot& image, Recorder recorder, const std::string& function,
                  const nlohmann::json& input) {
  REQUIRE(image.drop_caches() == 0);
  Guest guest = Guest::restore(
      image, {.record_accesses = recorder == Recorder::userfaultfd ? AccessRecording::all
                                                                   : AccessRecording::none});
  WorkingSetRecorder recording(image, guest.vm(), {.recorder = recorder});
  guest.invoke(function, input);
  return recording.finish();
}

Snapshot record(const Snapshot& image, const std::string& function, const nlohmann::json& input,
                const std::filesystem::path& path) {
  const WorkingSet resident = record(image, Recorder::mincore, function, input);
  const WorkingSet touched = record(image, Recorder::userfaultfd, function, input);
  const auto half = fresh_path("half-recorded");
  Snapshot recorded =
      image.derive(half, {.working_set = &resident}).derive(path, {.working_set = &touched});
  Snapshot::remove(half);
  return recorded;
}

Snapshot recorded_snapshot() {
  const auto directory = data_directory() / "recorded";
  const Snapshot base = base_snapshot();
  if (std::filesystem::exists(directory)) {
    Snapshot kept = Snapshot::open(directory);
    if (kept.info().id == base.info().id) {
      return kept;
    }
    Snapshot::remove(directory);
  }
  return record(base, "hello", {{"name", "recorded"}}, directory);
}

const nlohmann::json& run_outside(const std::string& function, const nlohmann::json& input) {
  static std::map<std::pair<std::string, nlohmann::json>, nlohmann::json> known;
  const auto [entry, is_new] = known.try_emplace({function, input});
  if (is_new) {
    entry->second = compute_outside(function, input);
  }
  return entry->second;
}

nlohmann::json declared_input(const std::string& function, std::size_t index) {
  std::ifstream file(FAASNAP_SOURCE_DIR "/rootfs/functions/inputs.json");
  return nlohmann::json::parse(file).at("functions").at(function).at("quick").at(index);
}

}  // namespace faasnap::test
