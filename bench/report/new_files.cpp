// SPDX-License-Identifier: Apache-2.0

#include "report/new_files.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>

#include "tools/failure.h"

namespace faasnap::bench::report {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const fs::path& file, int error) {
  throw tools::Failure(
      fmt::format("{}: cannot be written: {}", file.string(), std::strerror(error)));
}

void write_to(const fs::path& file, const std::string& content) {
  std::ofstream stream(file, std::ios::binary | std::ios::trunc);
  stream << content << std::flush;
  if (!stream) {
    fail(file, errno);
  }
}

fs::path part_of(fs::path target) { return target += ".part"; }

}  // namespace

NewFiles::~NewFiles() {
  std::error_code error;
  for (const fs::path& target : targets_) {
    fs::remove(part_of(target), error);
  }
  if (!made_directory_.empty()) {
    fs::remove(made_directory_, error);
  }
}

void NewFiles::add_directory(const fs::path& directory) {
  std::error_code error;
  if (fs::create_directory(directory, error)) {
    made_directory_ = directory;
  } else if (error) {
    fail(directory, error.value());
  }
}

void NewFiles::add(const fs::path& target, const std::string& content) {
  std::error_code error;
  const auto type = fs::status(target, error).type();
  if (type == fs::file_type::directory) {
    fail(target, EISDIR);
  }
  if (type != fs::file_type::not_found && type != fs::file_type::regular) {
    streams_.emplace_back(target, content);
    return;
  }
  targets_.push_back(target);
  write_to(part_of(target), content);
}

void NewFiles::commit() {
  for (const auto& [target, content] : streams_) {
    write_to(target, content);
  }
  for (const fs::path& target : targets_) {
    if (std::rename(part_of(target).c_str(), target.c_str()) != 0) {
      fail(target, errno);
    }
  }
  targets_.clear();
  made_directory_.clear();
}

}  // namespace faasnap::bench::report
