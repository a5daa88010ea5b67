// Boots a guest and runs one function in it.
//
//   minimal_vm IMAGES [FUNCTION [JSON]]     for example: minimal_vm build/images hello '{}'

#include <faasnap/directory_store.h>
#include <faasnap/error.h>
#include <faasnap/guest_channel.h>
#include <faasnap/object_store_server.h>
#include <faasnap/vm.h>

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
    options.command_line = "console=ttyS0 quiet reboot=k panic=-1 root=/dev/vda ro";
    options.attachments.console = [](std::string_view text) {
      std::fwrite(text.data(), 1, text.size(), stderr);
    };
    // Declared before the VM, so that it outlives the guest's connections.
    faasnap::ObjectStoreServer store(std::make_shared<faasnap::DirectoryStore>(images / "inputs"));
    faasnap::VM vm = faasnap::VM::boot(options);
    vm.listen(faasnap::kObjectStorePort,
              [&store](faasnap::GuestStream stream) { store.serve(std::move(stream)); });

    faasnap::GuestChannel guest(vm);
    guest.wait_ready(std::chrono::minutes(5));
    const auto reply = guest.invoke(function, input, std::chrono::minutes(5));
    std::printf("%s\n", reply.body.c_str());
    return reply.status == 200 ? 0 : 1;
  } catch (const faasnap::Error& error) {
    std::fprintf(stderr, "minimal_vm: %s\n", error.what());
    return 1;
  }
}
