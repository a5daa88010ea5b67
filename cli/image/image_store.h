// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "tools/descriptor.h"
#include "tools/json.h"

namespace faasnap::cli {

// A directory of images: each is a directory with its name that holds vmlinux, initramfs,
// rootfs.img and image.json, the manifest. An image exists whole or not at all; what begins with
// "." is not one.
class ImageStore {
 public:
  explicit ImageStore(std::filesystem::path directory) : directory_(std::move(directory)) {}

  const std::filesystem::path& directory() const noexcept { return directory_; }

  // Throws UsageError unless the name has 1 to 64 letters, digits, ".", "_" and "-", and begins
  // with a letter or a digit.
  static void check_name(const std::string& name);

  // Returns the image's directory. Throws Failure that lists the images if there is no such image.
  std::filesystem::path find(const std::string& name) const;
  bool has(const std::string& name) const;
  // Returns the names in order; none if the directory does not exist.
  std::vector<std::string> names() const;
  // Returns the manifest. Throws Failure that names the file if it is missing or damaged.
  tools::Json manifest(const std::string& name) const;
  // Removes the image, its name first.
  void remove(const std::string& name) const;

 private:
  std::filesystem::path directory_;
};

// An image that is being made: a hidden directory in the store, which takes the image's place at
// commit() and is removed otherwise. Removes those that killed processes have left.
class NewImage {
 public:
  // Makes the store's directory if it does not exist. Throws Failure.
  explicit NewImage(const ImageStore& store);
  ~NewImage();
  NewImage(const NewImage&) = delete;
  NewImage& operator=(const NewImage&) = delete;

  const std::filesystem::path& directory() const noexcept { return path_; }

  // Makes everything durable and gives the image its name. An image of that name is replaced if
  // `replace`, and makes this throw Failure otherwise.
  void commit(const std::string& name, bool replace);

 private:
  const ImageStore& store_;
  std::filesystem::path path_;
  tools::Descriptor lock_;
};

}  // namespace faasnap::cli
