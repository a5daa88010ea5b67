// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include <faasnap/units.h>

#include "image/image_store.h"
#include "output/progress.h"

namespace faasnap::cli {

struct ImageRequest {
  std::string name{};
  std::filesystem::path source{};
  // The directory with the kernel, the initramfs and, for a function, the root image below it.
  std::filesystem::path base{};
  std::optional<std::string> handler{};
  // Replace the source's own.
  std::optional<std::string> entrypoint{};
  // The tag of an archive with several images.
  std::optional<std::string> tag{};
  // Keys of a configuration that replace the source's.
  tools::Json config = tools::Json::object();
  bool needs_entrypoint = true;
  bool replace = false;
  Bytes most{};
};

// Makes an image in the store from the request, whole or not at all, and returns its manifest.
// Needs no privilege, runs no program, and writes nothing outside of the store's directory.
//
// The source is recognised by what it is: a directory with an OCI layout, a function's directory
// (if a handler is given or it has a bootstrap), any other directory as the whole root file system;
// a file as an OCI or docker-save archive, a zip as a function, any other tar archive as the whole
// root file system, and a Python file as a function.
//
// Equal sources, bases and requests give equal files but for the manifest, which has the time.
// Times of files stay, but none is later than $SOURCE_DATE_EPOCH if that is set.
//
// Throws Failure for a source that cannot become an image that runs here, UsageError for a request
// that contradicts itself, and Interrupted.
tools::Json make_image(const ImageStore& store, const ImageRequest& request, Steps& steps);

}  // namespace faasnap::cli
