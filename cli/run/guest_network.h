// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <optional>
#include <string>
#include <utility>

#include <sys/types.h>

#include <faasnap/network.h>

#include "tools/command_line.h"
#include "tools/descriptor.h"

namespace faasnap::cli {

// The host's end of one VM's network: a tap that exists, or a passt of its own. Ends with the
// object, and passt with it.
class GuestNetwork {
 public:
  // `name` is "none", "tap:NAME" or "passt". Throws tools::UsageError for anything else, and
  // tools::Failure if it cannot be had.
  explicit GuestNetwork(const std::string& name);
  GuestNetwork(GuestNetwork&& other) noexcept = default;
  ~GuestNetwork() = default;

  // Returns the options for a VM, valid while the object lives.
  const std::optional<NetworkOptions>& options() const noexcept { return options_; }

 private:
  // A process that ends when its connection does. Waits for that.
  class Process {
   public:
    explicit Process(pid_t process = 0) noexcept : process_(process) {}
    Process(Process&& other) noexcept : process_(std::exchange(other.process_, 0)) {}
    Process& operator=(Process&& other) noexcept {
      std::swap(process_, other.process_);
      return *this;
    }
    ~Process();

   private:
    pid_t process_;
  };

  void open_tap(const std::string& interface);
  void start_passt();

  Process passt_;
  tools::Descriptor end_;  // closed before passt_ waits
  std::optional<NetworkOptions> options_;
};

// Adds --network. Its value is "none" by default.
void add_network_option(tools::CommandLine& line);
std::string network_name(const tools::CommandLine& line);

}  // namespace faasnap::cli
