// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <filesystem>

#include <faasnap/host.h>

namespace faasnap::host {

// The checks of inspect_host. Each tries its feature, and reports a failure in its result.

// `directory` must exist.
HostCheck check_file_system(const std::filesystem::path& directory);
HostCheck check_free_space(const std::filesystem::path& directory);
HostCheck check_read_ahead(const std::filesystem::path& directory);

HostCheck check_io_uring();
HostCheck check_userfaultfd();
// Waits at most one second, whatever the options say.
HostCheck check_redis(RedisOptions options);

}  // namespace faasnap::host
