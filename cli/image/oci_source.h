// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "image/file_tree.h"
#include "tools/json.h"

namespace faasnap::cli {

// A container image in an OCI layout (OCI image specification, image-layout.md), or in what `docker
// save` writes.
struct OciImage {
  struct Layer {
    std::string name;
    std::shared_ptr<const ByteSource> archive;
  };
  // From the lowest to the highest.
  std::vector<Layer> layers{};
  // The execution parameters of its configuration.
  tools::Json config = tools::Json::object();
  // Of the manifest, or of the configuration where docker wrote none: "sha256:...".
  std::string digest{};
};

// Returns true if the files are those of an OCI layout or of `docker save`.
bool is_oci(const FileTree& files);

// Returns the image for x86-64 Linux that has the tag, or the only one. Compares the sums of all
// that it reads; `progress` gets the name of each part. Throws Failure that begins with `name` if
// there is no such image, several, or one that is damaged, encrypted or for another architecture.
OciImage open_oci(const FileTree& files, const std::string& name,
                  const std::optional<std::string>& tag,
                  const std::function<void(const std::string& part)>& progress);

}  // namespace faasnap::cli
