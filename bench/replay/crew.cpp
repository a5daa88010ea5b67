// SPDX-License-Identifier: Apache-2.0

#include "replay/crew.h"

#include <fmt/format.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <functional>
#include <stdexcept>
#include <system_error>
#include <type_traits>

#include "replay/disk_reads.h"

namespace faasnap::bench {

// A member's answer at the end of each step; passed between two copies of one program.
struct Crew::Reply {
  bool failed = false;
  char reason[512] = {};
  Replica::Clock::time_point requested{};
  Replica::Clock::time_point ended{};
  Sample sample{};
};

struct Crew::Member {
  tools::Descriptor socket;
  pid_t process = -1;

  explicit Member(int fd) : socket(fd) {}
  ~Member() {
    if (process > 0) {
      ::kill(process, SIGKILL);
      ::waitpid(process, nullptr, 0);
    }
  }
};

namespace {

// Runs in the process of one member: waits for the word before each step, and answers after it.
template <typename Reply>
[[noreturn]] void serve(int socket, const std::vector<std::function<void(Reply&)>>& steps) {
  for (const auto& step : steps) {
    char word = 0;
    if (::recv(socket, &word, 1, 0) != 1) {
      ::_exit(1);
    }
    Reply reply;
    try {
      step(reply);
    } catch (const std::exception& error) {
      reply.failed = true;
      std::strncpy(reply.reason, error.what(), sizeof(reply.reason) - 1);
    }
    if (::send(socket, &reply, sizeof(reply), MSG_NOSIGNAL) != sizeof(reply) || reply.failed) {
      ::_exit(1);
    }
  }
  ::_exit(0);
}

}  // namespace

Crew::Crew(std::span<const ReplayImage* const> images, const ReplayWay& way,
           std::span<const Step> steps, const ExpectedMemory& expected) {
  static_assert(std::is_trivially_copyable_v<Reply>);
  for (const ReplayImage* image : images) {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
      throw std::system_error(errno, std::generic_category(), "socketpair");
    }
    members_.push_back(std::make_unique<Member>(ends[0]));
    const tools::Descriptor other(ends[1]);
    const pid_t process = ::fork();
    if (process < 0) {
      throw std::system_error(errno, std::generic_category(), "fork");
    }
    if (process > 0) {
      members_.back()->process = process;
      continue;
    }
    std::unique_ptr<Replica> replica;
    Bytes before;
    serve<Reply>(ends[1], {[&](Reply&) {
                             replica = std::make_unique<Replica>(*image, way);
                             before = bytes_read_from_disks();
                           },
                           [&](Reply& reply) {
                             replica->serve(steps);
                             reply.requested = replica->requested();
                             reply.ended = replica->ended();
                           },
                           [&](Reply&) { replica->finish(); },
                           [&](Reply& reply) {
                             reply.sample.read = bytes_read_from_disks() - before;
                             replica->add_to(reply.sample);
                           },
                           [&](Reply&) { replica->check(expected, Check::touched_pages); }});
  }
}

Crew::~Crew() = default;

std::vector<Crew::Reply> Crew::step() {
  for (const auto& member : members_) {
    const char word = 0;
    if (::send(member->socket.get(), &word, 1, MSG_NOSIGNAL) != 1) {
      throw std::system_error(errno, std::generic_category(), "send to a replaying process");
    }
  }
  std::vector<Reply> replies(members_.size());
  for (std::size_t i = 0; i < members_.size(); ++i) {
    if (::recv(members_[i]->socket.get(), &replies[i], sizeof(Reply), 0) != sizeof(Reply)) {
      throw std::runtime_error("a replaying process has died");
    }
    if (replies[i].failed) {
      throw std::runtime_error(replies[i].reason);
    }
  }
  return replies;
}

Sample Crew::run() {
  step();
  const auto times = step();
  step();
  Sample sum;
  for (const Reply& reply : step()) {
    sum += reply.sample;
  }
  step();
  const auto first = std::min_element(times.begin(), times.end(), [](const auto& a, const auto& b) {
    return a.requested < b.requested;
  });
  const auto last = std::max_element(
      times.begin(), times.end(), [](const auto& a, const auto& b) { return a.ended < b.ended; });
  sum.total = std::chrono::duration<double, std::milli>(last->ended - first->requested).count();
  return sum;
}

}  // namespace faasnap::bench
