// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include <faasnap/units.h>

namespace faasnap {

// What one guest may make its host spend. Plain data; the defaults suit a function. A guest that
// goes beyond a limit loses what the limit is about, and nobody else does.

// The output of the serial console.
struct ConsoleLimits {
  // Bytes a second, and how many at once after a silence. Output beyond them is dropped, and a line
  // of the console says how much was.
  Bytes per_second = 64_KiB;
  Bytes burst = 1_MiB;
};

// Lines that a guest can make the library log.
struct LogLimits {
  // Lines a second, and how many at once after a silence. The others are dropped; the next line
  // that is logged is preceded by one that says how many were.
  std::uint64_t per_second = 1;
  std::uint64_t burst = 16;
};

// The object store, for the connections of one StoreAccount together. A command beyond a limit of
// what may be changed gets an error reply, and the connection remains; one beyond a rate waits.
struct StoreLimits {
  // ---- What the guest sees and may change.

  // Prefix of each key of the guest in the store: it sees no others, and never the prefix. Guests
  // with the same prefix share their objects.
  std::string prefix{};
  // True: SET and DEL are refused with ErrorKind::permission.
  bool read_only = false;

  // ---- How much it may store.

  // Bytes and number of the objects that the guest has set and not removed, with those that it is
  // sending. A value that replaces another needs room beside it. SET is refused with
  // ErrorKind::no_space.
  Bytes stored = 1_GiB;
  std::uint64_t objects = 10'000;

  // ---- How much it may ask for.

  // Connections at a time, each of which costs a thread and less than 1 MiB. One more is closed
  // with an error reply.
  unsigned connections = 32;
  // Bytes a second in both directions together, and requests; each key of DEL and EXISTS is one. As
  // much as comes in a second may be used at once.
  Bytes bytes_per_second = 1_GiB;
  std::uint64_t requests_per_second = 10'000;

  // ---- How long it may keep the server waiting.

  // Total time in which the guest neither sends the rest of a request nor takes the reply. What it
  // does send or take earns time again: a second for each `least_rate` bytes, up to `stall`. The
  // connection is closed.
  Nanoseconds stall = std::chrono::seconds(30);
  Bytes least_rate = 16_KiB;
  // Time between two requests. The connection is closed.
  Nanoseconds idle = std::chrono::minutes(15);

  // Failed commands that are logged.
  LogLimits log{};
};

// A rate that limits nothing.
inline constexpr std::uint64_t kUnlimited = ~std::uint64_t{0};

// Traffic of a disk, in both directions together. What exceeds it waits in the guest's queue.
struct DiskRate {
  // Bytes a second, and how many at once after a silence; a request that begins within them passes
  // whole.
  Bytes bytes_per_second{kUnlimited};
  Bytes byte_burst{kUnlimited};
  // Requests a second, of any kind, and how many at once.
  std::uint64_t requests_per_second = kUnlimited;
  std::uint64_t request_burst = kUnlimited;
};

// Each disk by itself, the root disk included.
struct DiskLimits {
  // Bytes that are read or written at a time. Further requests wait in the guest's queue, so that a
  // pause waits for these only. A request of its own is served whatever its size, which is 8 MiB at
  // most.
  Bytes reading = 8_MiB;
  DiskRate rate{};
};

// Traffic of the network in one direction. What exceeds it waits: the guest's packets in its own
// memory, those for the guest in the tap or socket, which drops what it has no room for.
struct NetworkRate {
  // Bytes a second, and how many at once after a silence; a packet that begins within them passes
  // whole.
  Bytes bytes_per_second = 1_GiB;
  Bytes byte_burst = 64_MiB;
  // Packets a second, and how many at once. A packet of a guest with offloads may have 64 KiB.
  std::uint64_t packets_per_second = 500'000;
  std::uint64_t packet_burst = 50'000;
};

struct NetworkLimits {
  NetworkRate to_guest{};
  NetworkRate from_guest{};
};

// All limits of a VM.
struct GuestLimits {
  ConsoleLimits console{};
  DiskLimits disk{};
  // Time for which a device works on the guest's requests at a stretch, 100 us or more. Pauses,
  // stops, connections and the other devices wait for this long, and for one request.
  Nanoseconds device_slice = std::chrono::milliseconds(2);
  // Maximum number of vsock connections at a time, in both directions and including those that are
  // closing; each takes one or two descriptors of the process. A further one is refused.
  unsigned connections = 128;
  // Time for which a vsock connection that the guest has ended is kept although the host takes none
  // of the data that the guest sent before. These are dropped then.
  Nanoseconds unread_data = std::chrono::seconds(2);
  NetworkLimits network{};
  StoreLimits store{};
};

}  // namespace faasnap
