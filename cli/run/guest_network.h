// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <sys/types.h>

#include <faasnap/network.h>
#include <faasnap/network_config.h>

#include "tools/command_line.h"
#include "tools/descriptor.h"

namespace faasnap::cli {

// What --network and its options say.
struct NetworkChoice {
  enum class Kind { none, tap, passt };

  Kind kind = Kind::none;
  // The interface of a tap.
  std::string interface {};
  // What the guest's interface is to have; nothing leaves it alone.
  std::optional<NetworkConfig> config{};
  // Ports of the host that passt leads into the guest, as its option --tcp-ports takes them.
  std::vector<std::string> forwarded{};
};

// The host's end of one VM's network: a tap that exists, or a passt of its own. Ends with the
// object, and passt with it.
class GuestNetwork {
 public:
  // Throws tools::Failure if it cannot be had.
  explicit GuestNetwork(const NetworkChoice& choice);
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

  void open_tap(const NetworkChoice& choice);
  void start_passt(const NetworkChoice& choice);

  Process passt_;
  tools::Descriptor end_;  // closed before passt_ waits
  std::optional<NetworkOptions> options_;
};

// Adds --network and the options of a guest's addresses.
void add_network_options(tools::CommandLine& line);

// Throws tools::UsageError for what does not fit together or cannot be meant.
NetworkChoice network_choice(const tools::CommandLine& line);

}  // namespace faasnap::cli
