// SPDX-License-Identifier: Apache-2.0

#include "bursts/burst.h"

#include <faasnap/snapshot.h>
#include <poll.h>

#include <algorithm>
#include <set>
#include <stdexcept>
#include <thread>
#include <utility>

#include "bursts/gate.h"
#include "harness/process.h"

namespace faasnap::bench {
namespace {

using Clock = std::chrono::steady_clock;
using Paths = std::vector<std::filesystem::path>;

constexpr auto kGlance = std::chrono::milliseconds(1);

// One invocation of a burst.
struct Member {
  Gate gate;
  Process command;
  bool ready = false;
  Clock::time_point replied{};
};

void drop_caches(const Paths& snapshots) {
  for (const auto& path : std::set(snapshots.begin(), snapshots.end())) {
    if (Snapshot::open(path).drop_caches() != 0) {
      throw std::runtime_error(path.string() + ": some pages are still in the page cache");
    }
  }
}

std::vector<Member> start(const Paths& snapshots, const std::string& setting) {
  std::vector<Member> members;
  for (const auto& snapshot : snapshots) {
    Gate gate;
    Process command = start_faasnap({"invoke", "--snapshot", snapshot.string(), "--setting",
                                     setting, "--input", "@/dev/stdin", "--json"},
                                    gate.entrance());
    members.push_back({std::move(gate), std::move(command)});
  }
  // A member that ends before it reaches the gate has reported why.
  for (Member& member : members) {
    while (!(member.ready = member.gate.reached()) && !member.command.ended()) {
      std::this_thread::sleep_for(kGlance);
    }
  }
  return members;
}

// Reads all replies as they arrive.
void await_replies(std::vector<Member>& members) {
  std::vector<pollfd> waiting;
  for (const Member& member : members) {
    waiting.push_back({member.command.descriptor(), POLLIN, 0});
  }
  for (std::size_t left = members.size(); left != 0;) {
    ::poll(waiting.data(), waiting.size(), -1);
    for (std::size_t i = 0; i < members.size(); ++i) {
      // poll leaves it unchanged if it is interrupted.
      if (std::exchange(waiting[i].revents, short{0}) == 0) {
        continue;
      }
      // A reply is one line, printed before the VM is destroyed.
      const bool more = members[i].command.read();
      if (!more || members[i].command.output().ends_with('\n')) {
        members[i].replied = Clock::now();
        waiting[i].fd = -1;
        --left;
      }
    }
  }
}

Outcome outcome_of(Member& member) {
  try {
    member.command.wait();
    return {nlohmann::json::parse(member.command.output()), {}};
  } catch (const std::exception& error) {
    return {{}, error.what()};
  }
}

}  // namespace

Burst run_burst(const Paths& snapshots, const std::string& setting, const nlohmann::json& input) {
  drop_caches(snapshots);
  std::vector<Member> members = start(snapshots, setting);
  const Clock::time_point begun = Clock::now();
  for (Member& member : members) {
    if (member.ready) {
      member.gate.open(input.dump());
    }
  }
  await_replies(members);
  Burst burst;
  Clock::time_point last = begun;
  for (Member& member : members) {
    burst.outcomes.push_back(outcome_of(member));
    if (burst.outcomes.back().error.empty()) {
      last = std::max(last, member.replied);
    }
  }
  burst.duration = last - begun;
  return burst;
}

}  // namespace faasnap::bench
