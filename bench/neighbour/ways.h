// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <array>
#include <string_view>

namespace faasnap::bench {

// A way in which a VM can be a bad neighbour.
struct Way {
  std::string_view name;
  // How many VMs do it.
  unsigned vms = 1;
  // What their guests do, by the letter that guest.cpp knows.
  char letter;
  // What the host has for them.
  bool disk = false;
  bool balloon = false;
  // True: their host makes snapshots of them all the time.
  bool snapshots = false;
};

inline constexpr char kServing = 'e';
// As the agent of a function that does nothing.
inline constexpr char kAgent = 'h';

// The first two do nothing to the host but use processors.
inline constexpr std::array kWays{
    Way{.name = "one spins", .letter = 's'},
    Way{.name = "two spin", .vms = 2, .letter = 's'},
    Way{.name = "register reads", .letter = 'm'},
    Way{.name = "console output", .letter = 't'},
    Way{.name = "violations to log", .letter = 'l'},
    Way{.name = "packets of no connection", .letter = 'p'},
    Way{.name = "connections kept", .letter = 'c'},
    Way{.name = "connections reset", .letter = 'o'},
    Way{.name = "stream to the host", .letter = 'x'},
    Way{.name = "objects stored", .letter = 'w'},
    Way{.name = "reads of 8 MiB", .letter = 'd', .disk = true},
    Way{.name = "reads of 1022 pieces", .letter = 'D', .disk = true},
    Way{.name = "reports of 256 MiB", .letter = 'b', .balloon = true},
    Way{.name = "stream and snapshots", .letter = 'x', .snapshots = true},
};

}  // namespace faasnap::bench
