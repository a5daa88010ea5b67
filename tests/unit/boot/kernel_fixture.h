// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <faasnap/error.h>
#include <stdlib.h>

#include <catch2/catch_test_macros.hpp>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/files/file.h"
#include "boot/kernel_image.h"
#include "memory/guest_memory.h"

namespace faasnap::boot::test {

// A directory of its own, removed with its content.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string name = std::filesystem::temp_directory_path() / "faasnap-boot-XXXXXX";
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  std::filesystem::path write(const std::string& name, const std::vector<std::byte>& data) const {
    base::write_new_file(path_ / name, data);
    return path_ / name;
  }

 private:
  std::filesystem::path path_;
};

template <typename Integer>
void put(std::vector<std::byte>& bytes, std::size_t offset, Integer value) {
  REQUIRE(offset + sizeof(value) <= bytes.size());
  std::memcpy(bytes.data() + offset, &value, sizeof(value));
}

// Loads `bytes` as a kernel file into 128 MiB.
class KernelLoader {
 public:
  LoadedKernel load(const std::vector<std::byte>& bytes) {
    return load_kernel(memory, base::open_if_named(directory_.write("kernel", bytes)));
  }
  // Checks that the file is refused, with its name, for a reason that contains `words`.
  void check_refused(const std::vector<std::byte>& bytes, const std::string& words) {
    try {
      load(bytes);
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::invalid_argument);
      CHECK(error.path().ends_with("/kernel"));
      INFO(error.what());
      CHECK(std::string(error.what()).find(words) != std::string::npos);
      return;
    }
    FAIL("the file was loaded");
  }

  memory::GuestMemory memory{memory::kMinimumSize};

 private:
  TemporaryDirectory directory_;
};

}  // namespace faasnap::boot::test
