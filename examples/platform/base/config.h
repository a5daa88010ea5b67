// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

#include <faasnap/free_memory.h>
#include <faasnap/setting.h>

namespace platform {

using std::chrono::seconds;

// What the host gives to all functions together.
struct HostLimits {
  unsigned concurrency = 64;
  std::uint64_t memory_mib = 8192;
  // Invocations that wait for room, and how long each does.
  unsigned queue = 256;
  seconds queue_timeout{30};
};

// How VMs are kept.
struct VmPolicy {
  // A snapshot that lacks what it needs, since it was recorded without userfaultfd, is restored
  // with Setting::faasnap.
  faasnap::Setting setting = faasnap::Setting::stream;
  seconds keep_idle{300};
  // Most prepared VMs of one function; 0 prepares none.
  unsigned prepared = 4;
  // Started and confined worker processes that wait for a VM.
  unsigned workers = 2;
  seconds boot_timeout{600};
};

struct RecordingPolicy {
  faasnap::FreeMemory free_memory = faasnap::FreeMemory::report;
  // Invocations that the recording by userfaultfd makes; 0 records nothing, and every VM boots.
  unsigned recordings = 1;
};

// Asynchronous invocations.
struct EventPolicy {
  unsigned queue = 1000;
  unsigned workers = 4;
  // Attempts after the first, and the pause before the first of them; it doubles each time.
  unsigned retries = 2;
  seconds retry_pause{60};
};

// How images are made of zip archives.
struct ArchivePolicy {
  // The making is given up after `timeout`. A request waits for it for at most `patience`; then the
  // answer says that it is under way.
  seconds timeout{300};
  seconds patience{10};
};

// Who may send requests: files of access keys and of tokens. Without both everyone may.
struct AccessPolicy {
  std::filesystem::path keys{};
  std::filesystem::path tokens{};
};

// Files in PEM; both empty: no TLS.
struct TlsPolicy {
  std::filesystem::path certificate{};
  std::filesystem::path key{};
};

// What several hosts share. Without `redis` the platform is one host on its own.
struct HostsPolicy {
  // HOST:PORT, [IPv6]:PORT, or the path of a socket.
  std::string redis{};
  // The directory that every host mounts.
  std::filesystem::path directory{};
  // The file of the server's password; empty: none.
  std::filesystem::path password{};
  // Of the keys on the server: platforms with different ones do not see each other.
  std::string prefix{};
};

// What a function has that does not say otherwise.
struct FunctionDefaults {
  std::uint64_t memory_mib = 512;
  seconds timeout{3};
};

// The interface of the FaaSnap paper's artifact.
struct ArtifactPolicy {
  // Address and port, "127.0.0.1:8080"; empty serves none.
  std::string listen{};
  // What clients' paths must be below; empty: `artifact` in the state directory.
  std::filesystem::path directory{};
};

// The settings file. docs/guide/platform.md describes each key.
struct Config {
  std::string host = "127.0.0.1";
  int port = 9000;
  // Where functions, their code, snapshots and events are kept.
  std::filesystem::path state = "/var/lib/faasnap-platform";
  // The directory of images that an ImageUri names.
  std::filesystem::path images = "/var/lib/faasnap/images";
  // The image below functions that come as zip archives; empty refuses them.
  std::filesystem::path base_image{};
  // The program that makes images of those.
  std::filesystem::path faasnap = "faasnap";
  // Parts of the names of functions (ARNs).
  std::string region = "us-east-1";
  std::string account = "000000000000";
  HostLimits limits{};
  VmPolicy vm{};
  RecordingPolicy recording{};
  EventPolicy events{};
  ArchivePolicy archives{};
  AccessPolicy access{};
  // Images below archives of other runtimes than `base_image` has, by Lambda's names of those.
  std::map<std::string, std::filesystem::path> runtimes{};
  TlsPolicy tls{};
  HostsPolicy hosts{};
  FunctionDefaults defaults{};
  ArtifactPolicy artifact{};
};

// Reads a settings file. Throws std::runtime_error that names the file, the key and what was
// expected.
Config load_config(const std::filesystem::path& file);

}  // namespace platform
