// SPDX-License-Identifier: Apache-2.0

// Does with eth0 of its network namespace what the agent does for POST /network with ARGUMENT.

#include <cstdio>
#include <string>

#include "network.h"

int main(int count, char** arguments) {
  if (count != 2) {
    std::fputs("usage: network_probe JSON\n", stderr);
    return 2;
  }
  std::string error;
  const auto config = faasnap::init::parse_network_config(arguments[1], error);
  if (!config) {
    std::fprintf(stderr, "%s\n", error.c_str());
    return 1;
  }
  const auto change = faasnap::init::set_network(*config);
  if (!change.error.empty()) {
    std::fprintf(stderr, "%s\n", change.error.c_str());
    return 1;
  }
  std::puts(change.reset_connections ? std::to_string(*change.reset_connections).c_str() : "null");
  return 0;
}
