// SPDX-License-Identifier: Apache-2.0

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string_view>

#include <faasnap/function_host.h>
#include <faasnap/vm.h>

#include "commands/commands.h"
#include "output/raw_terminal.h"
#include "run/guest_network.h"
#include "run/interruption.h"
#include "settings/config.h"
#include "settings/vm_settings.h"
#include "tools/failure.h"

namespace faasnap::cli {
namespace {

constexpr char kEscape = 0x1d;  // Ctrl-]
// Interval at which the end of the guest and signals are noticed.
constexpr int kPollMilliseconds = 50;

CommandLine boot_command_line() {
  CommandLine line({.name = "faasnap boot",
                    .text = "Boots a microVM with a shell on its console. Ctrl-] ends it; so does\n"
                            "`poweroff -f` in the guest.",
                    .example = "faasnap boot --memory 1G"});
  line.option("append", "WORDS", "more words for the kernel command line");
  line.option("vsock", "SOCKET",
              "Unix socket through which programs reach the guest's vsock ports");
  add_network_options(line);
  add_image_options(line, true);
  add_worker_option(line);
  add_store_options(line);
  add_config_option(line);
  return line;
}

void write_all(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(STDOUT_FILENO, text.data(), text.size());
    if (written < 0 && errno != EINTR) {
      return;  // the reader is gone; the guest continues
    }
    text.remove_prefix(written < 0 ? 0 : static_cast<std::size_t>(written));
  }
}

// Passes keys on until the user or the guest ends it. Returns false if the user did.
bool run_console(VM& vm, bool terminal) {
  pollfd input{STDIN_FILENO, POLLIN, 0};
  while (!is_final(vm.state()) && Interruption::received() == 0) {
    if (::poll(&input, 1, kPollMilliseconds) <= 0 || input.revents == 0) {
      continue;
    }
    std::array<char, 256> keys;
    const ssize_t count = ::read(STDIN_FILENO, keys.data(), keys.size());
    if (count <= 0) {
      input.fd = -1;  // no more input, but the guest may have more output
      continue;
    }
    const std::string_view typed(keys.data(), static_cast<std::size_t>(count));
    const auto escape = terminal ? typed.find(kEscape) : std::string_view::npos;
    vm.write_console(typed.substr(0, escape));
    if (escape != std::string_view::npos) {
      return false;
    }
  }
  return true;
}

}  // namespace

int run_boot(const Arguments& arguments) {
  CommandLine line = boot_command_line();
  if (!line.parse(arguments)) {
    return tools::kSuccess;
  }
  Interruption interruption;
  const Config config = load_config(line.optional_text("config"));
  const NetworkChoice choice = network_choice(line);
  std::string words = line.optional_text("append").value_or("");
  if (choice.config) {
    words += " " + FunctionHost::network_word(*choice.config);
  }
  VmOptions options = vm_options(line, config, "faasnap.shell=1 " + words);
  options.attachments.console = write_all;
  // The terminal takes what it takes, and makes the guest wait.
  options.attachments.limits.console = {.per_second = 1_GiB, .burst = 1_GiB};
  options.attachments.vsock_socket = line.optional_text("vsock").value_or("");
  const GuestNetwork network(choice);
  options.attachments.network = network.options();
  FunctionHost host(prepare_store(line, config));
  VM vm = VM::boot(options);
  host.attach(vm);
  {
    const RawTerminal terminal;
    if (terminal.active()) {
      write_all("Ctrl-] ends the guest.\r\n");
    }
    if (!run_console(vm, terminal.active())) {
      write_all("\r\n");
      return tools::kSuccess;
    }
  }
  Interruption::check();
  const VmState state = vm.state();
  if (state != VmState::powered_off && state != VmState::reset) {
    throw tools::Failure(fmt::format("the guest has ended: {} {}", to_string(state), vm.failure()));
  }
  return tools::kSuccess;
}

}  // namespace faasnap::cli
