// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <filesystem>

#include <faasnap/progress.h>

#include "base/files/fd.h"
#include "format/image_content.h"
#include "format/memory_image.h"

namespace faasnap::format {

// Writes the image `whole` of a guest of `memory` into the empty file `fd` as a layer over `base`:
// only the pages that differ. If `base` is null, writes all pages with data. Does not write the
// trailer and does not call fsync.
ImageTable write_image_layer(const base::UniqueFd& fd, const std::filesystem::path& path,
                             Bytes memory, const ImageContent& whole, const ImageContent* base,
                             const Progress& progress = {});

}  // namespace faasnap::format
