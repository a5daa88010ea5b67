// SPDX-License-Identifier: Apache-2.0

// Serves requests from a pool of VMs that are restored ahead of them. Each line of the standard
// input is a request, the JSON input of the snapshot's function; its result goes to the standard
// output, in the order in which requests are done.
//
//   serve_from_pool SNAPSHOT IMAGES STORE
//   for example: serve_from_pool snapshots/json build/images build/images/inputs
//
// IMAGES is the directory that the snapshot's root image is in; STORE has the objects that
// functions read and write.

#include <faasnap/directory_store.h>
#include <faasnap/error.h>
#include <faasnap/function_host.h>
#include <faasnap/snapshot.h>
#include <faasnap/vm_pool.h>

#include <chrono>
#include <cstdio>
#include <iostream>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

using namespace faasnap;

// Hands out the lines of the standard input to several threads.
class Requests {
 public:
  std::optional<std::string> next() {
    const std::lock_guard lock(mutex_);
    std::string line;
    return std::getline(std::cin, line) ? std::optional(line) : std::nullopt;
  }

 private:
  std::mutex mutex_;
};

double milliseconds(Nanoseconds time) {
  return std::chrono::duration<double, std::milli>(time).count();
}

// Serves requests until there are no more. A VM serves one of them, so that no request sees what
// another has left behind.
void serve(Requests& requests, VmPool& pool, FunctionHost& host, const std::string& function) {
  while (const auto input = requests.next()) {
    try {
      VM vm = pool.take();
      host.attach(vm);
      const FunctionReply reply = host.invoke(vm, function, *input);
      std::printf("%s\n", reply.result.c_str());
      std::fprintf(stderr, "%.1f ms, of which the function %.1f ms\n", milliseconds(reply.total),
                   milliseconds(reply.handler));
    } catch (const Error& error) {
      std::fprintf(stderr, "serve_from_pool: %s\n", error.what());
    }
  }
}

int main(int argc, char** argv) try {
  if (argc != 4) {
    std::fprintf(stderr, "usage: serve_from_pool SNAPSHOT IMAGES STORE\n");
    return 2;
  }
  constexpr std::size_t kWorkers = 2;
  const Snapshot snapshot = Snapshot::open(argv[1]);
  const std::string function = snapshot.info().labels.at("function");
  // Declared before the pool, so that it outlives every VM.
  FunctionHost host(std::make_shared<DirectoryStore>(argv[3]));
  VmPool pool(
      snapshot,
      {.setting = Setting::faasnap, .image_directories = {argv[2]}, .worker = WorkerOptions{}},
      kWorkers);
  pool.wait_full();

  Requests requests;
  std::vector<std::thread> workers;
  for (std::size_t i = 0; i < kWorkers; ++i) {
    workers.emplace_back([&] { serve(requests, pool, host, function); });
  }
  for (std::thread& worker : workers) {
    worker.join();
  }
  const VmPoolStats stats = pool.stats();
  std::fprintf(stderr, "%llu requests found a VM ready, %llu waited for one\n",
               static_cast<unsigned long long>(stats.prepared),
               static_cast<unsigned long long>(stats.unprepared));
} catch (const std::exception& error) {
  std::fprintf(stderr, "serve_from_pool: %s\n", error.what());
  return 1;
}
