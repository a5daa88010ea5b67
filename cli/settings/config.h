// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include <faasnap/compression.h>
#include <faasnap/free_memory.h>
#include <faasnap/restore_options.h>
#include <faasnap/snapshot_info.h>
#include <faasnap/units.h>

#include "tools/origin.h"

namespace faasnap::cli {

// A Redis server in a section of a settings file.
struct RedisConfig {
  std::optional<std::string> address;
  std::optional<std::string> user;
  std::optional<std::string> password;
  std::optional<std::filesystem::path> password_file;
  std::optional<std::string> prefix;
  unsigned database = 0;
  bool tls = false;
  std::optional<std::filesystem::path> tls_ca;
  std::optional<std::filesystem::path> tls_cert;
  std::optional<std::filesystem::path> tls_key;
  std::optional<std::string> tls_name;
};

// The content of a settings file (TOML, docs/guide/cli.md); a missing setting is empty. Paths are
// relative to the file's own directory.
struct Config {
  struct {
    std::optional<std::filesystem::path> directory;
    std::optional<std::filesystem::path> kernel;
    std::optional<std::filesystem::path> initramfs;
    std::optional<std::filesystem::path> root_image;
  } images;
  struct {
    std::optional<std::filesystem::path> directory;
    RedisConfig redis;
    // What the guests may do.
    bool read_only = false;
    std::optional<Bytes> quota;
  } store;
  struct {
    std::optional<std::filesystem::path> directory;
    RedisConfig redis;
  } catalogue;
  struct {
    std::optional<unsigned> vcpus;
    std::optional<Bytes> memory;
    std::optional<FreeMemory> free_memory;
    std::optional<bool> in_process;
  } vm;
  struct {
    std::optional<tools::Origin> setting;
    std::optional<bool> prepared;
    std::optional<bool> prefill;
    LoadingSetThresholds thresholds;
    std::optional<Compression> compress;
    std::vector<std::filesystem::path> trusted_keys;
  } restore;
};

// Reads the file, or $FAASNAP_CONFIG if `file` is empty; returns an empty Config if that is empty,
// too. Throws UsageError with file and line for a syntax error, an unknown key and a bad value.
Config load_config(const std::optional<std::string>& file);

}  // namespace faasnap::cli
