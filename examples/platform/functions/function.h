// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>

namespace platform {

inline constexpr const char* kLatest = "$LATEST";

// How far the making of an image is, and why it has failed.
struct Making {
  enum class Stage { done, under_way, failed };
  Stage stage = Stage::done;
  std::string reason{};
};

// One version of a function: what is run, and within which limits. Plain data.
struct Function {
  std::string name{};
  // "$LATEST" or a number.
  std::string version = kLatest;
  std::string description{};
  // Names what is run; whatever changes it makes a new one. Versions with the same code share it,
  // and with it their snapshot.
  std::string revision{};
  // The directory of the image, and what it was made from.
  std::filesystem::path image{};
  std::string image_uri{};
  // The zip archive that it was made from; empty for an image.
  std::filesystem::path archive{};
  std::string runtime{};
  std::string handler{};
  std::map<std::string, std::string> environment{};
  std::string role{};
  std::string code_sha256{};
  std::uint64_t code_size = 0;
  std::uint64_t memory_mib = 0;
  std::chrono::seconds timeout{0};
  // Most concurrent invocations; nothing for the host's limit.
  std::optional<unsigned> concurrency{};
  // Since the Unix epoch.
  std::chrono::milliseconds modified{0};
  // It can be invoked once its creation is done. Only the latest version is updated.
  Making creation{};
  Making update{};
};

// A name for a version of a function. Plain data.
struct Alias {
  std::string name{};
  std::string version{};
  std::string description{};
  std::string revision{};
  // Published versions that get a part of its invocations, from 0 to 1, in place of `version`.
  std::map<std::string, double> weights{};
};

}  // namespace platform
