// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <string>
#include <vector>

// This program's own versions of the C library's calls, which the library under test calls in their
// place. They do what the C library does, unless they have been told to fail.
namespace faasnap::faults {

// A place that calls the C library, known by the addresses on its stack.
struct CallSite {
  std::string call;           // "openat"
  unsigned long request = 0;  // of ioctl and syscall
  std::uint64_t stack = 0;
  std::string path{};  // of what is opened, when the site was first reached
  // How a failure may look there: errno values, and kShort for reads and writes that do a half.
  std::vector<int> failures;
};
inline constexpr int kShort = -1;

// How long a call site goes on failing.
enum class Lasting {
  once,     // the first time that it is reached
  forever,  // from then on, and every other site of the same call with it: a full disk
};

// Notes the call sites that are reached, by any thread, until sites() is called.
void watch();
// Ends watching, and returns the sites in the order in which they were first reached.
std::vector<CallSite> sites();

// Makes the site fail from now on.
void fail(const CallSite& site, int failure, Lasting lasting);
// Lets each call of any thread fail with a chance of one in `calls`, in one of its ways.
void fail_at_random(unsigned calls, std::uint64_t seed);
// Ends failing, and returns how many calls failed.
unsigned failed();

}  // namespace faasnap::faults
