// Prepares a function and serves it from its snapshot: VM, Snapshot and WorkingSet composed.
//
//   record_and_restore IMAGES DIRECTORY     for example: record_and_restore build/images /tmp/json
//
// DIRECTORY must be on a file system whose files can leave the page cache (not tmpfs).

#include <faasnap/directory_store.h>
#include <faasnap/error.h>
#include <faasnap/guest_channel.h>
#include <faasnap/object_store_server.h>
#include <faasnap/snapshot.h>
#include <faasnap/vm.h>
#include <faasnap/working_set_recorder.h>

#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>

namespace {

constexpr auto kPatience = std::chrono::minutes(5);
constexpr const char* kFunction = "json";
constexpr const char* kRecordInput = R"({"input": "json-13k"})";
constexpr const char* kTestInput = R"({"input": "json-151k"})";

std::string invoke(faasnap::VM& vm, faasnap::ObjectStoreServer& store, const char* input) {
  vm.listen(faasnap::kObjectStorePort,
            [&store](faasnap::GuestStream stream) { store.serve(std::move(stream)); });
  return faasnap::GuestChannel(vm).invoke(kFunction, input, kPatience).body;
}

faasnap::Snapshot boot_and_snapshot(const std::filesystem::path& images,
                                    const std::filesystem::path& directory) {
  faasnap::VmOptions options;
  options.kernel = images / "vmlinuz";
  options.initramfs = images / "initramfs";
  options.root_image = images / "rootfs.img";
  options.command_line = "console=ttyS0 quiet reboot=k panic=-1 root=/dev/vda ro";
  faasnap::VM vm = faasnap::VM::boot(options);
  faasnap::GuestChannel(vm).wait_ready(kPatience);
  return vm.snapshot(directory);
}

// Runs the function once from `base`, and keeps the snapshot that is served from, with the pages
// that the run used.
faasnap::Snapshot record(const faasnap::Snapshot& base, faasnap::ObjectStoreServer& store,
                         const std::filesystem::path& directory) {
  base.drop_caches();
  faasnap::VM vm = faasnap::VM::restore(base, {.setting = faasnap::Setting::lazy});
  faasnap::WorkingSetRecorder recorder(base, vm);
  invoke(vm, store, kRecordInput);
  const faasnap::WorkingSet used = recorder.finish();
  std::printf("recorded %llu pages in %zu groups\n", static_cast<unsigned long long>(used.pages()),
              used.groups().size());
  return vm.snapshot(directory, {.working_set = &used, .labels = {{"function", kFunction}}});
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: record_and_restore IMAGES DIRECTORY\n");
    return 2;
  }
  const std::filesystem::path images = argv[1];
  const std::filesystem::path directory = argv[2];
  try {
    faasnap::ObjectStoreServer store(std::make_shared<faasnap::DirectoryStore>(images / "inputs"));
    std::filesystem::create_directories(directory);
    const faasnap::Snapshot base = boot_and_snapshot(images, directory / "base");
    const faasnap::Snapshot served = record(base, store, directory / "served");
    faasnap::Snapshot::remove(directory / "base");

    served.drop_caches();
    faasnap::VM vm = faasnap::VM::restore(served, {.setting = faasnap::Setting::faasnap});
    std::printf("%s\n", invoke(vm, store, kTestInput).c_str());
    const faasnap::VmStats stats = vm.stats();
    std::printf("prefetched %llu pages; %llu major and %llu minor faults\n",
                static_cast<unsigned long long>(stats.prefetch.pages),
                static_cast<unsigned long long>(stats.faults.vcpu_major),
                static_cast<unsigned long long>(stats.faults.vcpu_minor));
    return 0;
  } catch (const faasnap::Error& error) {
    std::fprintf(stderr, "record_and_restore: %s\n", error.what());
    return 1;
  }
}
