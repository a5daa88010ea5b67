// SPDX-License-Identifier: Apache-2.0

// record_and_restore IMAGES DIRECTORY: records the function json and serves it from its snapshot,
// step by step; VM, Snapshot, WorkingSet and PagePrefetcher composed. FunctionRecorder does the
// first half in one call. DIRECTORY must be on a file system whose files can leave the page cache
// (not tmpfs). For example: record_and_restore build/images /var/tmp/json

#include <faasnap/directory_store.h>
#include <faasnap/error.h>
#include <faasnap/function_host.h>
#include <faasnap/page_prefetcher.h>
#include <faasnap/snapshot.h>
#include <faasnap/working_set_recorder.h>

#include <cstdio>
#include <filesystem>
#include <memory>

using namespace faasnap;

void record_and_restore(const std::filesystem::path& images, const std::filesystem::path& data) {
  FunctionHost host(std::make_shared<DirectoryStore>(images / "inputs"));
  std::filesystem::create_directories(data);
  const RestoreOptions lazily{
      .setting = Setting::lazy, .image_directories = {images}, .worker = WorkerOptions{}};
  // 1. A snapshot of a guest that is ready for its first invocation.
  VM booted = host.boot({.kernel = images / "vmlinuz",
                         .initramfs = images / "initramfs",
                         .root_image = images / "rootfs.img",
                         .worker = WorkerOptions{}});
  const Snapshot base = booted.snapshot(data / "base");
  // 2. One invocation, the pages that it uses, and the snapshot that is served from.
  base.drop_caches();
  VM first = VM::restore(base, lazily);
  host.attach(first);
  WorkingSetRecorder recorder(base, first);
  host.invoke(first, "json", R"({"input": "json-13k"})");
  const WorkingSet used = recorder.finish();
  const Snapshot served =
      first.snapshot(data / "served", {.working_set = &used, .labels = {{"function", "json"}}});
  std::printf("recorded %zu groups of pages\n", used.groups().size());
  // 3. A clone whose recorded pages are read, in order, while it already runs: what
  // Setting::concurrent does by itself.
  served.drop_caches();
  const PagePrefetcher prefetcher(served, served.plan(Setting::concurrent));
  VM clone = VM::restore(served, lazily);
  host.attach(clone);
  std::printf("%s\n", host.invoke(clone, "json", R"({"input": "json-151k"})").result.c_str());
  prefetcher.wait();
  std::printf("read %.1f MiB ahead\n", double(prefetcher.stats().bytes.value) / (1 << 20));
}

int main(int argc, char** argv) try {
  if (argc != 3) {
    std::fprintf(stderr, "usage: record_and_restore IMAGES DIRECTORY\n");
    return 2;
  }
  record_and_restore(argv[1], argv[2]);
} catch (const Error& error) {
  std::fprintf(stderr, "record_and_restore: %s\n", error.what());
  return 1;
}
