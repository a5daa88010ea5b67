// SPDX-License-Identifier: Apache-2.0

// Boots a guest and runs one function in it.
//
//   minimal_vm IMAGES [FUNCTION [JSON]]     for example: minimal_vm build/images hello '{}'

#include <faasnap/directory_store.h>
#include <faasnap/error.h>
#include <faasnap/function_host.h>

#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: minimal_vm IMAGES [FUNCTION [JSON]]\n");
    return 2;
  }
  const std::filesystem::path images = argv[1];
  const std::string function = argc > 2 ? argv[2] : "hello";
  const std::string input = argc > 3 ? argv[3] : "{}";
  try {
    faasnap::VmOptions options;
    options.kernel = images / "vmlinuz";
    options.initramfs = images / "initramfs";
    options.root_image = images / "rootfs.img";
    options.command_line += " quiet";
    options.worker.emplace();  // the VM is in a confined process of its own
    options.attachments.console = [](std::string_view text) {
      std::fwrite(text.data(), 1, text.size(), stderr);
    };
    // Declared before the VM, which it must outlive.
    faasnap::FunctionHost host(std::make_shared<faasnap::DirectoryStore>(images / "inputs"));
    faasnap::VM vm = host.boot(options);
    std::printf("%s\n", host.invoke(vm, function, input).result.c_str());
    return 0;
  } catch (const faasnap::Error& error) {
    std::fprintf(stderr, "minimal_vm: %s\n", error.what());
    return 1;
  }
}
